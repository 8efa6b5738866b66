package consumers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// ballastBytes is how much memory a running Set holds and never touches, so that itself it takes no place. A heap is collected
// when it has grown by as much as it holds (GOGC). That of a Set holds 4 MB or so: in a backlog it is collected forty times a
// second, which takes a fifth of the processor time. With the ballast it may grow by so much more in between.
const ballastBytes = 2 << 20

// Set runs handlers, each as a consumer group of its own with workers, buffer and retries of its own: nothing that one of
// them does delays another. They share a process, the connections' pools and one way to stop.
type Set struct {
	client  *stream.Client
	options Options
	log     *zap.Logger
	runners []*runner
	outage  *outage
	names   *names
	started atomic.Bool
	running atomic.Bool // the groups exist and are being read
}

// NewSet returns a Set of groups on the client's stream. Every fault of the options is in the error. Nothing is sent
// before Run. The client stays the caller's, who closes it after Run has returned.
func NewSet(client *stream.Client, options Options, groups ...GroupOptions) (*Set, error) {
	if err := validate(options, groups); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	set := &Set{client: client, options: options, log: options.Logger, outage: newOutage(options.Logger)}
	set.names = newNames(client.Registered, options.Logger, options.Metrics.unwanted.Inc)
	consumer := consumerName(options.Consumer)
	for _, group := range groups {
		handle, err := client.Group(group.Name, consumer, options.Lease)
		if err != nil {
			return nil, err
		}
		handle = handle.Emitting(group.Emit)
		set.runners = append(set.runners, newRunner(set, group.withDefaults(), handle, max(1, options.HeldBytes/len(groups))))
	}
	return set, nil
}

func validate(options Options, groups []GroupOptions) error {
	faults := []error{options.Validate()}
	if len(groups) == 0 {
		faults = append(faults, errors.New("expected at least one group"))
	}
	seen := map[string]bool{}
	for _, group := range groups {
		faults = append(faults, group.Validate())
		if seen[group.Name] {
			faults = append(faults, fmt.Errorf("group %q: expected each group once", group.Name))
		}
		seen[group.Name] = true
	}
	return errors.Join(faults...)
}

// consumerName adds what makes the name this process' own.
func consumerName(prefix string) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // it never fails, see its documentation
	if prefix == "" {
		return hex.EncodeToString(random)
	}
	return prefix + "-" + hex.EncodeToString(random)
}

// Run works until ctx ends and everything that was started has been settled or given back, within the grace period and a
// few seconds; it blocks so long. It waits for a Redis that does not answer, however long that takes, and goes on by
// itself after an outage, so it returns nil. It may be called once.
//
// A handler that ignores the end of its context is left behind when Run returns, since nothing can stop it.
func (s *Set) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("Run was called before: make a new Set")
	}
	if err := s.ensure(ctx); err != nil {
		return nil //nolint:nilerr // told to stop before Redis answered
	}
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
	var running sync.WaitGroup
	for _, runner := range s.runners {
		running.Go(func() { runner.run(ctx) })
	}
	running.Go(func() { s.retain(ctx) })
	s.running.Store(true)
	running.Wait()
	s.log.Info("stopped")
	return nil
}

// ensure creates the groups, trying until it succeeds or ctx ends.
func (s *Set) ensure(ctx context.Context) error {
	specs := make([]stream.GroupSpec, len(s.runners))
	for i, runner := range s.runners {
		specs[i] = runner.spec(false)
	}
	var ensured []stream.Ensured
	err := insist(ctx, time.Second, func() (err error) {
		if ensured, err = s.client.EnsureGroups(ctx, specs); err != nil && ctx.Err() == nil {
			s.outage.failed(specs[0].Name, "starting", err)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.outage.over(specs[0].Name, "starting")
	for i, group := range ensured {
		if group.What == stream.GroupRecreated {
			s.runners[i].recreated(group)
		}
		s.log.Info("group is ready", zap.String("group", group.Name), zap.String("was", group.What),
			zap.String("begins_after", group.At))
	}
	return nil
}

// Live returns an error that names what hangs: a loop that has shown no life for over a minute, or a group half of whose
// handlers do not return. It says nothing of Redis. It does not block.
func (s *Set) Live() error {
	var faults []error
	now := time.Now()
	for _, runner := range s.runners {
		faults = append(faults, runner.live(now))
	}
	return errors.Join(faults...)
}

// Ready returns an error unless every group reads and Redis takes its writes. It does not block.
func (s *Set) Ready() error {
	if !s.running.Load() {
		return errors.New("the groups are not there yet: Redis has not answered")
	}
	var faults []error
	for _, runner := range s.runners {
		faults = append(faults, runner.ready())
	}
	return errors.Join(faults...)
}
