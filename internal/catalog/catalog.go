// Package catalog knows which handlers a process runs: it reads the handlers file, and holds the one table from a
// kind's name to what makes its handlers.
//
// A handlers file is refused as a whole, with everything that is wrong in it said at once, each fault with its line and
// with what was expected there. What can be checked without a connection is checked by Parse; making the handlers is
// Build's.
package catalog

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
)

// Defaults is what holds for a handler about which the file does not say otherwise. Its values are taken as they are;
// the zero ones leave the choice to the package consumers.
type Defaults struct {
	// Concurrency is how many handlings run at once in one process.
	Concurrency int
	// MaxDeliveries is how often an entry is handed over before it becomes a dead letter.
	MaxDeliveries int
	// MaxEventBytes is the size above which an event becomes a dead letter unhandled.
	MaxEventBytes int
	// Timeout bounds one handling.
	Timeout time.Duration
	// Backoff is how long a failed entry waits for its next try.
	Backoff claim.Backoff
}

// Dependencies is what handlers are made with. Whoever gives it closes it, after the handlers have stopped.
type Dependencies struct {
	// Redis is the connection that a handler keeps its own data through.
	Redis redis.UniversalClient
	// Logger is where a handler logs.
	Logger *zap.Logger
	// Environment is the variables by name: what the file calls a secret's variable is looked up here.
	Environment map[string]string
	// Concurrency is how many handlings run at once; Build sets it for each handler, zero means the default of the package
	// consumers.
	Concurrency int
}

// File is the content of a handlers file, checked.
type File struct {
	// Handlers are in the order of the file; there is at least one.
	Handlers []Spec
}

// Spec is what a handlers file says about one handler: everything but the handler itself, which Build makes.
type Spec struct {
	// GroupOptions is what the file says, with the defaults filled in; its Handler is nil.
	consumers.GroupOptions
	// Line is where the handler stands in the file, counted from 1; 0 for a built-in one.
	Line int

	construct constructor
}

// BuiltIn is what runs where there is no handlers file: the three steps that follow an order.
func BuiltIn(defaults Defaults) *File {
	return &File{Handlers: []Spec{
		builtIn("check_inventory", "inventory", defaults),
		builtIn("print_work_order", "workorder", defaults),
		builtIn("print_label", "label", defaults),
	}}
}

// builtIn is a handler about which no more is said than its kind.
func builtIn(name, kind string, defaults Defaults) Spec {
	options := defaults.group(name)
	options.Kind, options.Events = kind, []string{"NEW_ORDER_RECEIVED"}
	without := &section{report: &report{}}
	return Spec{GroupOptions: options, construct: kinds()[kind](without)}
}

// group is a group about which nothing is known but its name.
func (d Defaults) group(name string) consumers.GroupOptions {
	return consumers.GroupOptions{
		Name:          name,
		Concurrency:   d.Concurrency,
		MaxDeliveries: d.MaxDeliveries,
		MaxEventBytes: d.MaxEventBytes,
		Timeout:       d.Timeout,
		Backoff:       d.Backoff,
	}
}

// Names lists the handlers in the order of the file.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Handlers))
	for _, spec := range f.Handlers {
		names = append(names, spec.Name)
	}
	return names
}

// Select returns the file with the named handlers alone, in the order of the file; all of them where names is empty.
// The error tells of every name that the file does not have.
func (f *File) Select(names []string) (*File, error) {
	if len(names) == 0 {
		return f, nil
	}
	known := f.Names()
	var unknown []error
	for _, name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, fmt.Errorf("no handler is called %s%s", quote(name), didYouMean(name, known)))
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("%w\nthe handlers are: %s", errors.Join(unknown...), strings.Join(known, ", "))
	}
	selected := &File{}
	for _, spec := range f.Handlers {
		if slices.Contains(names, spec.Name) {
			selected.Handlers = append(selected.Handlers, spec)
		}
	}
	return selected, nil
}

// Build makes the handlers; Close ends what they hold. The error tells of every handler that could not be made.
func (f *File) Build(dependencies Dependencies) ([]consumers.GroupOptions, error) {
	groups := make([]consumers.GroupOptions, 0, len(f.Handlers))
	var faults []error
	for _, spec := range f.Handlers {
		handler, err := spec.construct(dependencies.of(spec))
		if err != nil {
			faults = append(faults, fmt.Errorf("handler %s: %w", spec.Name, err))
			continue
		}
		group := spec.GroupOptions
		group.Handler = handler
		groups = append(groups, group)
	}
	if len(faults) > 0 {
		return nil, errors.Join(append(faults, Close(groups))...)
	}
	return groups, nil
}

// Close ends what the handlers hold, such as processes and connections, after they have stopped. A handler that holds
// something is an io.Closer.
func Close(groups []consumers.GroupOptions) error {
	var faults []error
	for _, group := range groups {
		if closer, isCloser := group.Handler.(io.Closer); isCloser {
			if err := closer.Close(); err != nil {
				faults = append(faults, fmt.Errorf("close handler %s: %w", group.Name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// of is the dependencies of one handler, which logs under its name.
func (d Dependencies) of(spec Spec) Dependencies {
	d.Concurrency = spec.Concurrency
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
	d.Logger = d.Logger.With(zap.String("group", spec.Name))
	return d
}
