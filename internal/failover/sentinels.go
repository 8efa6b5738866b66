package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// masterName is what the sentinels call the master.
const masterName = "shop"

// sentinelSettings are what differs from one deployment to another.
type sentinelSettings struct {
	// lag is how long what the first master writes is on its way to the replicas; 0 is no time.
	lag time.Duration
	// lagging has only replica 0 lag, and the sentinels prefer it (replica-priority).
	lagging bool
	// needed is how many replicas a master must have to take a write (min-replicas-to-write); 0 is none.
	needed int
}

// sentinels is a master, two replicas and three sentinels that watch them.
type sentinels struct {
	servers  []*member // the first master, then the replicas
	watchers []*member
	link     *breakable.Proxy // from the first master to whoever replicates from it with a lag; nil without
	promoted *member          // the new master
}

// startSentinels starts all, and returns when the sentinels know each other and the replicas have everything. The caller
// ends them with close, also after an error.
func startSentinels(ctx context.Context, dir string, settings sentinelSettings) (*sentinels, error) {
	s := &sentinels{}
	var err error
	s.servers, err = startMembers(dir, "server", 3, func(dir string) (*breakable.Server, error) {
		// A replica is to begin to copy at once.
		return breakable.StartServer(dir, "--appendonly", "yes", "--repl-diskless-sync-delay", "0",
			"--min-replicas-to-write", strconv.Itoa(settings.needed))
	})
	if err != nil {
		return s, err
	}
	if settings.lag > 0 {
		if s.link, err = breakable.StartProxy(s.servers[0].Addr()); err != nil {
			return s, err
		}
		s.link.Delay(settings.lag)
	}
	if err := s.replicate(ctx, settings); err != nil {
		return s, err
	}
	s.watchers, err = startMembers(dir, "sentinel", 3, func(dir string) (*breakable.Server, error) {
		return breakable.StartSentinel(dir, s.directives()...)
	})
	if err != nil {
		return s, err
	}
	_, err = await(ctx, "the sentinels know each other and the replicas", func() bool { return s.acquainted(ctx) })
	return s, err
}

func (s *sentinels) replicate(ctx context.Context, settings sentinelSettings) error {
	for i, replica := range s.servers[1:] {
		source := s.servers[0].Addr()
		if s.link != nil && (i == 0 || !settings.lagging) {
			source = s.link.Addr()
		}
		if settings.lagging && i == 0 {
			if err := replica.client.ConfigSet(ctx, "replica-priority", "1").Err(); err != nil {
				return fmt.Errorf("prefer a replica: %w", err)
			}
		}
		if err := replica.client.ReplicaOf(ctx, "127.0.0.1", port(source)).Err(); err != nil {
			return fmt.Errorf("make a replica: %w", err)
		}
	}
	for _, replica := range s.servers[1:] {
		if _, err := await(ctx, "a replica has everything", func() bool { return replica.isLinked(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *sentinels) directives() []string {
	return []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s 2", masterName, s.servers[0].Port()),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, down.Milliseconds()),
		// For so long they leave a replica alone that copies from elsewhere than they think: through the link.
		fmt.Sprintf("sentinel failover-timeout %s 60000", masterName),
	}
}

// acquainted tells whether every sentinel knows two replicas and two other sentinels.
func (s *sentinels) acquainted(ctx context.Context) bool {
	for _, watcher := range s.watchers {
		reply, err := watcher.client.Do(ctx, "sentinel", "master", masterName).StringSlice()
		facts := map[string]string{}
		for i := 0; i+1 < len(reply); i += 2 {
			facts[reply[i]] = reply[i+1]
		}
		if err != nil || facts["flags"] != "master" || facts["num-slaves"] != "2" || facts["num-other-sentinels"] != "2" {
			return false
		}
	}
	return true
}

// url is what a client is told.
func (s *sentinels) url() string {
	hosts := make([]string, len(s.watchers))
	for i, watcher := range s.watchers {
		hosts[i] = watcher.Addr()
	}
	return "redis-sentinel://" + strings.Join(hosts, ",") + "?master=" + masterName
}

// fell is one change of the master.
type fell struct {
	promoted  *member
	at        time.Time // when a replica took itself for the master
	announced time.Time // when the first sentinel or other node said so to whoever asks
	agreed    time.Time // when all of them did
}

// kill ends the first master as a crash of its process does, or of its whole machine where the link has a lag: what is on
// the way then is lost. It returns when there is a new one.
func (s *sentinels) kill(ctx context.Context) (struck time.Time, change fell, err error) {
	struck = time.Now()
	if s.link != nil {
		s.link.Blackhole()
		s.link.Reset()
	}
	if err := s.servers[0].Kill(); err != nil {
		return struck, fell{}, err
	}
	change, err = s.awaitChange(ctx)
	return struck, change, err
}

// replace has a sentinel replace the master that is well, and returns when there is a new one.
func (s *sentinels) replace(ctx context.Context) (struck time.Time, change fell, err error) {
	struck = time.Now()
	if err := s.watchers[0].client.Do(ctx, "sentinel", "failover", masterName).Err(); err != nil {
		return struck, fell{}, fmt.Errorf("tell a sentinel to replace the master: %w", err)
	}
	change, err = s.awaitChange(ctx)
	return struck, change, err
}

// freeze stops the first master without ending it, and returns when there is a new one.
func (s *sentinels) freeze(ctx context.Context) (struck time.Time, change fell, err error) {
	struck = time.Now()
	if err := s.servers[0].Pause(); err != nil {
		return struck, fell{}, err
	}
	change, err = s.awaitChange(ctx)
	return struck, change, err
}

// awaitChange waits until one of the replicas is the master, and a sentinel says so.
func (s *sentinels) awaitChange(ctx context.Context) (change fell, err error) {
	change.at, err = await(ctx, "a replica is the master", func() bool {
		for _, server := range s.servers[1:] {
			if server.isMaster(ctx) {
				change.promoted = server
				return true
			}
		}
		return false
	})
	if s.promoted = change.promoted; err != nil {
		return change, err
	}
	_, err = await(ctx, "every sentinel names the new master", func() bool {
		return change.tell(s.watchers, func(watcher *member) bool { return s.named(ctx, watcher) == change.promoted.Addr() })
	})
	return change, err
}

// tell notes when the first of those who are asked knows of the change, and whether all do.
func (f *fell) tell(asked []*member, knows func(*member) bool) bool {
	knowing := 0
	for _, each := range asked {
		if knows(each) {
			knowing++
		}
	}
	if knowing > 0 && f.announced.IsZero() {
		f.announced = time.Now()
	}
	f.agreed = time.Now()
	return knowing == len(asked)
}

// named is the address that a sentinel gives to whoever asks for the master.
func (s *sentinels) named(ctx context.Context, watcher *member) string {
	pair, err := watcher.client.Do(ctx, "sentinel", "get-master-addr-by-name", masterName).StringSlice()
	if err != nil || len(pair) != 2 {
		return ""
	}
	return net.JoinHostPort(pair[0], pair[1])
}

// comeBack starts the old master again as a replica of the new one, and returns when it has everything.
func (s *sentinels) comeBack(ctx context.Context) error {
	if err := s.servers[0].Restart(); err != nil {
		return err
	}
	// The sentinels would do so too, but only after some 10 s, for which it would take itself for a master.
	if err := s.servers[0].client.ReplicaOf(ctx, "127.0.0.1", s.promoted.Port()).Err(); err != nil {
		return fmt.Errorf("make the old master a replica: %w", err)
	}
	return s.whole(ctx)
}

// errSecondChange says that a round is void: the sentinels took the new master for dead too, on a machine that is too busy.
var errSecondChange = errors.New("the sentinels changed the master a second time: nothing was judged")

// thaw lets the old master go on, and returns when it is a replica of the new one.
func (s *sentinels) thaw(ctx context.Context) error {
	return errors.Join(s.servers[0].Resume(), s.whole(ctx))
}

// whole waits until the old master is a replica of the new one.
func (s *sentinels) whole(ctx context.Context) error {
	_, err := await(ctx, "the old master is a replica", func() bool { return s.servers[0].isLinked(ctx) })
	if s.named(ctx, s.watchers[0]) != s.promoted.Addr() {
		return errSecondChange
	}
	return err
}

// close kills everything; it is the last thing.
func (s *sentinels) close() error {
	err := errors.Join(closeAll(s.watchers), closeAll(s.servers))
	if s.link != nil {
		s.link.Close()
	}
	return err
}
