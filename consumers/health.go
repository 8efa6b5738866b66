package consumers

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// silence is how long a loop may show no life before it counts as hung. A loop that Redis keeps waiting shows life at
// every timeout, so an outage is no silence.
const silence = time.Minute

// pulse is when a loop last showed life.
type pulse struct{ last atomic.Int64 }

func (p *pulse) beat() { p.last.Store(time.Now().UnixNano()) }

// silent is for how long the loop has shown no life; zero before its first beat.
func (p *pulse) silent(now time.Time) time.Duration {
	last := p.last.Load()
	if last == 0 {
		return 0
	}
	return now.Sub(time.Unix(0, last))
}

// lastResult is how something went the last time: nil, an error, or never tried.
type lastResult struct{ err atomic.Pointer[error] }

func (l *lastResult) set(err error) { l.err.Store(&err) }

func (l *lastResult) get() error {
	if err := l.err.Load(); err != nil {
		return *err
	}
	return errNotYet
}

var errNotYet = errors.New("not tried yet")

// health is what a group knows of its own state.
type health struct {
	intake, renewal, watching pulse
	reading                   lastResult
	// How each kind of write went the last time: one that fails is not outshone by another that does not.
	sweeping, renewing, acking, settling lastResult
}

func (h *health) read(err error) { h.reading.set(err) }

// live returns an error where a loop of the group hangs, or where half of its places or more are lost to handlers that do
// not return. An outage of Redis is no such error: a new process would be no better off.
func (r *runner) live(now time.Time) error {
	for name, loop := range map[string]*pulse{
		"intake": &r.health.intake, "renewal": &r.health.renewal, "watch": &r.health.watching,
	} {
		if silent := loop.silent(now); silent > silence+r.group.Lease() {
			return fmt.Errorf("group %q: its %s loop has shown no life for %v", r.options.Name, name, silent.Round(time.Second))
		}
	}
	if stuck := int(r.stuck.Load()); 2*stuck >= len(r.places) {
		return fmt.Errorf("group %q: %d of %d handlers do not return", r.options.Name, stuck, len(r.places))
	}
	return nil
}

// ready returns an error where the group does not read, or Redis takes no writes from it.
func (r *runner) ready() error {
	if err := r.health.reading.get(); err != nil {
		return fmt.Errorf("group %q does not read: %w", r.options.Name, err)
	}
	for _, writes := range []*lastResult{&r.health.sweeping, &r.health.renewing, &r.health.acking, &r.health.settling} {
		if err := writes.get(); err != nil && !errors.Is(err, errNotYet) {
			return fmt.Errorf("group %q cannot write: %w", r.options.Name, err)
		}
	}
	return nil
}
