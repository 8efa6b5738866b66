package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// Mode says how long a process of the program lives.
type Mode string

// The modes.
const (
	// Once starts the program anew for each event.
	Once Mode = "once"
	// Persistent keeps processes, each of which handles one event after the other.
	Persistent Mode = "persistent"
)

// DefaultMaxEvents is how many events a process handles before it is replaced, where nothing is configured.
const DefaultMaxEvents = 10_000

// Options says which program handles the events, and how. Zero values mean the defaults.
type Options struct {
	// Argv is the program and its arguments, handed over as they are: no shell reads them. Required. A program whose name
	// holds no slash is looked for in the PATH that Environment sets; a relative path begins at Dir.
	Argv []string
	// Mode is how long a process lives; "" is Once.
	Mode Mode
	// MaxEvents is how many events one process handles before another takes its place, so that what it leaks has an end;
	// zero is 10,000. It is for Persistent alone.
	MaxEvents int
	// Environment is all that the program finds in its environment, as NAME=value; what tells it of the event is added.
	Environment []string
	// Dir is the program's working directory; "" is that of this process.
	Dir string
	// Logger is told when the program begins to fail at its start and when that is over; nil logs nothing.
	Logger *zap.Logger
}

func (o Options) withDefaults() Options {
	o.Mode = cmp.Or(o.Mode, Once)
	o.MaxEvents = cmp.Or(o.MaxEvents, DefaultMaxEvents)
	o.Logger = cmp.Or(o.Logger, zap.NewNop())
	return o
}

// Validate returns every fault of the options at once, each with the option's name, or nil. It looks for the program and
// its script in the file system, and starts nothing.
func (o Options) Validate() error {
	o = o.withDefaults()
	var faults []error
	if o.Mode != Once && o.Mode != Persistent {
		faults = append(faults, fmt.Errorf("mode: expected %s or %s, got %q", Once, Persistent, o.Mode))
	}
	if o.MaxEvents < 0 {
		faults = append(faults, fmt.Errorf("max_events: expected zero or more, got %d", o.MaxEvents))
	}
	for _, variable := range o.Environment {
		if name, _, _ := strings.Cut(variable, "="); !IsVariable(name) || strings.ContainsRune(variable, 0) {
			faults = append(faults, fmt.Errorf("environment: expected NAME=value without zero bytes, got the name %q", name))
		} else if slices.Contains(ownVariables(), name) {
			faults = append(faults, fmt.Errorf("environment: %s is set by the handler itself", name))
		}
	}
	if _, err := o.program(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
