package consumers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

const (
	// registryAge is how old the list of registered groups may be.
	registryAge = 30 * time.Second
	// mostNames bounds how many event names are remembered.
	mostNames = 1000
)

// names notices events that no registered group wants: a typo in a producer would otherwise vanish without a word. Every
// group passes such an event by, so the first registered group in alphabetical order speaks for all.
type names struct {
	registered func(context.Context) (map[string]stream.Registration, error)
	log        *zap.Logger
	unwanted   func()

	mu     sync.Mutex
	groups map[string]stream.Registration
	first  string
	asked  time.Time
	wanted map[string]bool
	warned map[string]bool
}

func newNames(registered func(context.Context) (map[string]stream.Registration, error), log *zap.Logger, unwanted func()) *names {
	return &names{registered: registered, log: log, unwanted: unwanted, wanted: map[string]bool{}, warned: map[string]bool{}}
}

// passedBy is told that group does not subscribe to an event.
func (n *names) passedBy(ctx context.Context, group, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refresh(ctx)
	if group != n.first {
		return
	}
	wanted, known := n.wanted[name]
	if !known {
		wanted = n.isWanted(name)
		if len(n.wanted) < mostNames {
			n.wanted[name] = wanted
		}
	}
	if wanted {
		return
	}
	n.unwanted()
	if n.warned[name] || len(n.warned) >= mostNames {
		return
	}
	n.warned[name] = true
	n.log.Warn("no handler wants this event: is its name spelt as the handlers have it?",
		zap.String("event", printable(name)), zap.String("nearest", stream.Nearest(name, n.patterns())))
}

// refresh asks for the registered groups where the list is old. It keeps the old one where Redis does not answer.
func (n *names) refresh(ctx context.Context) {
	if time.Since(n.asked) < registryAge {
		return
	}
	n.asked = time.Now()
	groups, err := n.registered(ctx)
	if err != nil || len(groups) == 0 {
		return
	}
	n.groups = groups
	n.first = slices.Min(slices.Collect(maps.Keys(groups)))
	n.wanted = map[string]bool{}
}

func (n *names) isWanted(name string) bool {
	for _, registration := range n.groups {
		if registration.Wants(name) {
			return true
		}
	}
	return false
}

// patterns are the names without `*` that groups subscribe to.
func (n *names) patterns() []string {
	var all []string
	for _, registration := range n.groups {
		for _, pattern := range registration.Events {
			if !strings.Contains(pattern, "*") {
				all = append(all, pattern)
			}
		}
	}
	return all
}
