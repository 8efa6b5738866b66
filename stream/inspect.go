package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Status is what there is to know of a stream, at one instant except for what says otherwise.
type Status struct {
	Stream string `json:"stream"`
	// Time is the server's clock when it was looked at.
	Time time.Time `json:"time"`
	// Length counts the entries; it is 0 also where the stream does not exist.
	Length int `json:"length"`
	// FirstEntry and LastEntry are the oldest and the newest entry there are; zero where there is none.
	FirstEntry ID `json:"first_entry,omitzero"`
	LastEntry  ID `json:"last_entry,omitzero"`
	// LastGenerated is the last ID given out, of an entry that may have been removed since.
	LastGenerated ID `json:"last_generated,omitzero"`
	// Groups are the groups that exist or are registered, by name.
	Groups []GroupStatus `json:"groups"`
}

// GroupStatus is how a group stands.
type GroupStatus struct {
	Name string `json:"name"`
	// Registration is what the group is for; nil where it was not made by Millrace.
	Registration *Registration `json:"registration,omitempty"`
	// Exists is false where the group is registered and missing: it was destroyed, or the stream was deleted.
	Exists bool `json:"exists"`
	// Consumers are those that hold something or have shown life, by name; Waiting is not among them. Their signs of life
	// and Dead are read just after the rest.
	Consumers []ConsumerStatus `json:"consumers"`
	// Pending counts what was delivered and not acked; what waits for a retry is part of it.
	Pending int `json:"pending"`
	// Waiting counts what waits for a retry or was handed back.
	Waiting int `json:"waiting"`
	// OldestPending is the oldest pending entry, and OldestPendingTime when it was added; zero where nothing is pending.
	OldestPending     ID        `json:"oldest_pending,omitzero"`
	OldestPendingTime time.Time `json:"oldest_pending_time,omitzero"`
	// LastDelivered is the last entry handed out; of a missing group, the checkpoint at which it would go on.
	LastDelivered ID `json:"last_delivered,omitzero"`
	// Lag counts the entries that were not delivered yet.
	Lag int `json:"lag"`
	// LagIsEstimate tells that Lag may be wrong: too many entries stand behind LastDelivered to count them each time, and
	// Redis' own figure is off after some deletions.
	LagIsEstimate bool `json:"lag_is_estimate"`
	// Dead counts the dead letters.
	Dead int `json:"dead"`
	// Seen is when a consumer of the group last swept it; zero where none ever did.
	Seen time.Time `json:"seen,omitzero"`
}

// ConsumerStatus is how a consumer of a group stands.
type ConsumerStatus struct {
	Name string `json:"name"`
	// Pending counts what the consumer holds.
	Pending int `json:"pending"`
	// Seen is its last sign of life, by the server's clock; zero where it gave none, as other programs' consumers.
	Seen time.Time `json:"seen,omitzero"`
	// Alive tells that the last sign of life is no older than the group's lease.
	Alive bool `json:"alive"`
}

// leaseOfUnknown is the lease assumed of a group whose registration does not say.
const leaseOfUnknown = 30 * time.Second

// Groups returns how every group stands that exists or is registered, by name. It costs what Inspect does.
func (c *Client) Groups(ctx context.Context) ([]GroupStatus, error) {
	status, err := c.Inspect(ctx)
	return status.Groups, err
}

// Inspect returns how the stream and its groups stand. It writes nothing and is cheap enough for every scrape of metrics:
// two round trips, and a third where a group lags. A stream that does not exist is no error.
func (c *Client) Inspect(ctx context.Context) (Status, error) {
	found, err := c.snapshot(ctx)
	if err != nil {
		return Status{}, err
	}
	status := Status{
		Stream:        c.keys.Stream(),
		Time:          found.now,
		Length:        found.length,
		FirstEntry:    found.first,
		LastEntry:     found.last,
		LastGenerated: found.lastGenerated,
		Groups:        make([]GroupStatus, len(found.groups)),
	}
	for i, group := range found.groups {
		status.Groups[i] = group.status()
	}
	if err := c.setLags(ctx, found, status.Groups); err != nil {
		return Status{}, err
	}
	if err := c.setLives(ctx, found, status.Groups); err != nil {
		return Status{}, err
	}
	return status, nil
}

// snapshot is the reply of the script inspect.
type snapshot struct {
	now           time.Time
	length        int
	lastGenerated ID
	first, last   ID
	groups        []groupSnapshot
}

// groupSnapshot is one group in it, registered, existing or both.
type groupSnapshot struct {
	name          string
	exists        bool
	registration  *Registration
	seen          time.Time
	delivered     ID     // the last entry delivered, or a missing group's checkpoint
	redisLag      string // "" where Redis does not know
	pending       int
	oldestPending ID
	holders       map[string]int // consumer -> how much it holds
}

func (c *Client) snapshot(ctx context.Context) (snapshot, error) {
	reply, err := c.run(ctx, c.scripts.inspect, []string{c.keys.Stream(), c.keys.Groups()}).Slice()
	if err == nil && len(reply) != 7 {
		err = errUnexpectedReply
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("inspect stream %q: %w", c.keys.Stream(), explain(err))
	}
	found := snapshot{
		now:           serverTime(replyText(reply[0])),
		length:        replyNumber(reply[1]),
		lastGenerated: replyID(reply[2]),
		first:         replyID(reply[3]),
		last:          replyID(reply[4]),
	}
	registry := replyMap(replyList(reply[6]))
	for _, element := range replyList(reply[5]) {
		if facts := replyList(element); len(facts) == 6 {
			found.groups = append(found.groups, parseGroup(facts))
		}
	}
	found.addMissing(registry)
	for i := range found.groups {
		found.groups[i].register(registry)
	}
	slices.SortFunc(found.groups, func(a, b groupSnapshot) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

func parseGroup(facts []any) groupSnapshot {
	group := groupSnapshot{
		name:          replyText(facts[0]),
		exists:        true,
		delivered:     replyID(facts[1]),
		redisLag:      replyText(facts[2]),
		pending:       replyNumber(facts[3]),
		oldestPending: replyID(facts[4]),
		holders:       map[string]int{},
	}
	for consumer, count := range replyMap(replyList(facts[5])) {
		group.holders[consumer] = replyNumber(count)
	}
	return group
}

// addMissing adds the groups that are registered and do not exist.
func (s *snapshot) addMissing(registry map[string]string) {
	for name := range registry {
		exists := func(group groupSnapshot) bool { return group.name == name }
		if CheckGroup(name) != nil || slices.ContainsFunc(s.groups, exists) {
			continue // the other fields of a group have a colon in their names
		}
		checkpoint := replyID(registry[name+":checkpoint"])
		if checkpoint.Compare(s.lastGenerated) > 0 {
			checkpoint = ID{} // the stream was deleted, and the group will begin at its beginning
		}
		s.groups = append(s.groups, groupSnapshot{name: name, delivered: checkpoint})
	}
}

// register fills in what the group says of itself.
func (g *groupSnapshot) register(registry map[string]string) {
	text, registered := registry[g.name]
	if !registered || CheckGroup(g.name) != nil {
		return
	}
	g.registration = &Registration{}
	_ = json.Unmarshal([]byte(text), g.registration) // spoilt by hand: registered all the same
	g.seen = serverTime(registry[g.name+":seen"])
}

func (g *groupSnapshot) lease() time.Duration {
	if g.registration == nil {
		return leaseOfUnknown
	}
	return cmp.Or(time.Duration(g.registration.LeaseMs)*time.Millisecond, leaseOfUnknown)
}

func (g *groupSnapshot) status() GroupStatus {
	status := GroupStatus{
		Name:          g.name,
		Registration:  g.registration,
		Exists:        g.exists,
		Pending:       g.pending,
		Waiting:       g.holders[Waiting],
		OldestPending: g.oldestPending,
		LastDelivered: g.delivered,
		Seen:          g.seen,
	}
	if g.pending > 0 {
		status.OldestPendingTime = g.oldestPending.Time().UTC()
	}
	return status
}

// setLives reads what other keys say of each group: its consumers' signs of life and the number of its dead letters.
func (c *Client) setLives(ctx context.Context, found snapshot, groups []GroupStatus) error {
	if len(groups) == 0 {
		return nil
	}
	lives := make([]*redis.MapStringStringCmd, len(groups))
	dead := make([]*redis.IntCmd, len(groups))
	_, err := c.write.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, group := range groups {
			lives[i] = pipe.HGetAll(ctx, c.keys.Consumers(group.Name))
			dead[i] = pipe.XLen(ctx, c.keys.Dead(group.Name))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("inspect the consumers of stream %q: %w", c.keys.Stream(), explain(err))
	}
	for i := range groups {
		groups[i].Dead = int(dead[i].Val())
		groups[i].Consumers = found.groups[i].consumers(found.now, lives[i].Val())
	}
	return nil
}

// consumers joins who holds something with who has shown life.
func (g *groupSnapshot) consumers(now time.Time, lives map[string]string) []ConsumerStatus {
	all := []ConsumerStatus{}
	add := func(name string) {
		seen := serverTime(lives[name])
		all = append(all, ConsumerStatus{
			Name:    name,
			Pending: g.holders[name],
			Seen:    seen,
			Alive:   !seen.IsZero() && now.Sub(seen) <= g.lease(),
		})
	}
	for name := range g.holders {
		if name != Waiting {
			add(name)
		}
	}
	for name := range lives {
		if _, added := g.holders[name]; !added {
			add(name)
		}
	}
	slices.SortFunc(all, func(a, b ConsumerStatus) int { return strings.Compare(a.Name, b.Name) })
	return all
}
