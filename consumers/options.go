package consumers

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// The defaults of GroupOptions and Options.
const (
	DefaultConcurrency   = 16
	DefaultTimeout       = time.Minute
	DefaultMaxEventBytes = 1 << 20
	DefaultLease         = 30 * time.Second
	DefaultGrace         = 25 * time.Second
	DefaultHeldBytes     = 16 << 20
	DefaultKeepResults   = 24 * time.Hour
)

// GroupOptions says how one group works. Zero values mean the defaults.
type GroupOptions struct {
	// Name is the consumer group, and with it the handler's name. Required.
	Name string
	// Handler does the work. Required.
	Handler Handler
	// Kind is registered for whoever looks at the stream; "" is "go".
	Kind string
	// Events are the names that the group subscribes to; each may hold `*`, which stands for any run of characters.
	// Events of other names are passed by. At least one.
	Events []string
	// Unnamed is the name that entries without one get; "" makes dead letters of them.
	Unnamed string
	// Concurrency is how many handlings run at once; zero is 16.
	Concurrency int
	// Timeout ends the context of one handling; zero is 60 s. A handler that has not returned 5 s later is abandoned: its
	// event is retried while the handler keeps its place.
	Timeout time.Duration
	// MaxDeliveries is how often an event is handed over before it becomes a dead letter; zero is 16.
	MaxDeliveries int
	// Backoff is how long an event waits between its tries; zero is 1 s up to 10 min.
	Backoff claim.Backoff
	// Dedupe skips an event whose name and ID were handled within this time; zero handles every delivery.
	Dedupe time.Duration
	// From is where the group begins if it does not exist yet; zero is the beginning on a stream without groups, else new
	// entries alone.
	From stream.Start
	// MaxEventBytes makes a dead letter of a larger event; zero is 1 MiB.
	MaxEventBytes int
	// Emit names the events that are added with the group's outcomes, each in the step that settles its cause; zero adds none.
	Emit stream.Emit
	// KeepResults keeps the Result that the handler leaves in a delivery, at most 4 KiB of it, for as long as the Set retains
	// events (24 h where it retains all), so that it can be looked up by the entry's ID.
	KeepResults bool
}

func (o GroupOptions) withDefaults() GroupOptions {
	o.Kind = cmp.Or(o.Kind, "go")
	o.Concurrency = cmp.Or(o.Concurrency, DefaultConcurrency)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.MaxDeliveries = cmp.Or(o.MaxDeliveries, claim.DefaultMaxDeliveries)
	o.Backoff = o.Backoff.WithDefaults()
	o.MaxEventBytes = cmp.Or(o.MaxEventBytes, DefaultMaxEventBytes)
	return o
}

// Validate returns every fault of the options at once, each with the group's name, or nil.
func (o GroupOptions) Validate() error {
	o = o.withDefaults()
	var faults []error
	expect := func(holds bool, fault string, got any) {
		if !holds {
			faults = append(faults, fmt.Errorf("group %q: %s, got %v", o.Name, fault, got))
		}
	}
	if err := stream.CheckGroup(o.Name); err != nil {
		faults = append(faults, err)
	}
	expect(o.Handler != nil, "handler: expected one", o.Handler)
	expect(len(o.Events) > 0, "events: expected at least one name", o.Events)
	expect(o.Concurrency >= 1, "concurrency: expected at least 1", o.Concurrency)
	expect(o.Timeout > 0, "timeout: expected more than zero", o.Timeout)
	expect(o.Dedupe == 0 || o.Dedupe >= time.Millisecond, "dedupe: expected zero, or at least 1ms", o.Dedupe)
	expect(o.MaxEventBytes > 0, "max event bytes: expected more than zero", o.MaxEventBytes)
	if err := o.Emit.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("group %q: %w", o.Name, err))
	}
	if err := o.policy().Validate(); err != nil {
		faults = append(faults, fmt.Errorf("group %q: %w", o.Name, err))
	}
	return errors.Join(faults...)
}

func (o GroupOptions) policy() claim.Policy {
	return claim.Policy{MaxDeliveries: o.MaxDeliveries, Backoff: o.Backoff}
}

// registration is what the group says of itself in Redis.
func (o GroupOptions) registration(lease time.Duration) stream.Registration {
	return stream.Registration{
		Kind: o.Kind, Events: o.Events, Unnamed: o.Unnamed, MaxDeliveries: o.MaxDeliveries, Concurrency: o.Concurrency,
		TimeoutMs: o.Timeout.Milliseconds(), LeaseMs: lease.Milliseconds(), Emit: o.Emit, KeepResults: o.KeepResults,
	}
}

// Options says what the groups of one Set share. Zero values mean the defaults.
type Options struct {
	// Consumer is the first part of the consumer's name; "" is the host's name. A random part is always added, since two
	// processes under one name would defeat every check of an owner.
	Consumer string
	// Lease is how long a silent consumer keeps what it was handed; zero is 30 s. It is renewed every third of it, so a
	// handling may take longer.
	Lease time.Duration
	// Grace is how long handlers may go on when the Set is told to stop; zero is 25 s.
	Grace time.Duration
	// HeldBytes is how many bytes of events may be in hand before nothing more is read, taken over or taken up; zero is 16 MiB.
	// Each group has an equal part of it to itself, so that none holds up another, and goes beyond that by one event at most,
	// or a large one would never be taken in. What a handler makes of its event is not counted, and neither is the event
	// that a handler keeps which does not return.
	HeldBytes int
	// Retention is how long events stay readable that every group has finished; zero removes none.
	Retention time.Duration
	// Logger gets one line for each change of state; nil logs nothing.
	Logger *zap.Logger
	// Metrics counts what happens; nil counts nothing.
	Metrics *Metrics
	// Observe is told of every outcome, by many goroutines at once; nil tells nobody. It must not block.
	Observe func(Result)
}

func (o Options) withDefaults() Options {
	if o.Consumer == "" {
		o.Consumer, _ = os.Hostname() // without a name, the random part alone has to do
	}
	o.Lease = cmp.Or(o.Lease, DefaultLease)
	o.Grace = cmp.Or(o.Grace, DefaultGrace)
	o.HeldBytes = cmp.Or(o.HeldBytes, DefaultHeldBytes)
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry()) // read by nobody
	}
	return o
}

// Validate returns every fault of the options at once, or nil.
func (o Options) Validate() error {
	o = o.withDefaults()
	var faults []error
	if o.Lease < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("lease: expected at least 100ms, got %v", o.Lease))
	}
	if o.Grace < 0 {
		faults = append(faults, fmt.Errorf("grace: expected more than zero, got %v", o.Grace))
	}
	if o.HeldBytes < 0 {
		faults = append(faults, fmt.Errorf("held bytes: expected more than zero, got %v", o.HeldBytes))
	}
	if o.Retention < 0 {
		faults = append(faults, fmt.Errorf("retention: expected zero or more, got %v", o.Retention))
	}
	return errors.Join(faults...)
}
