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
// group passes such an event by, so one speaks for all: the first in alphabetical order of those that are at work.
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
	n.refresh(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if group != n.first {
		return
	}
	wanted, known := n.wanted[name]
	if !known {
		wanted = n.isWanted(name)
		if len(n.wanted) < mostNames {
			n.wanted[strings.Clone(name)] = wanted // a part of it would keep the whole event
		}
	}
	if !wanted {
		n.count("no handler wants this event: is its name spelt as the handlers have it?", "event", name, n.plainNames())
	}
}

// addressed is told that group has passed an event by that is for the group called to alone.
func (n *names) addressed(ctx context.Context, group, to string) {
	n.refresh(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.groups[to]; !known && group == n.first {
		n.count("an event is for a group that does not exist", "to", to, slices.Collect(maps.Keys(n.groups)))
	}
}

// count counts an event that nobody wants and logs it, once for each name.
func (n *names) count(message, key, name string, known []string) {
	n.unwanted()
	if n.warned[key+name] || len(n.warned) >= mostNames {
		return
	}
	n.warned[key+name] = true
	name = strings.Clone(name) // a log may keep it, and it may be a part of a reply that is written over
	n.log.Warn(message, zap.String(key, printable(name)), zap.String("nearest", stream.Nearest(name, known)))
}

// refresh asks for the registered groups where the list is old. It keeps the old one where Redis does not answer, and
// holds up nobody but the group that asks.
func (n *names) refresh(ctx context.Context) {
	n.mu.Lock()
	fresh := time.Since(n.asked) < registryAge
	if !fresh {
		n.asked = time.Now()
	}
	n.mu.Unlock()
	if fresh {
		return
	}
	groups, err := n.registered(ctx)
	if err != nil || len(groups) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups, n.first, n.wanted = groups, firstAtWork(groups), map[string]bool{}
}

// firstAtWork is the first group in alphabetical order that was swept not long before the last one was.
func firstAtWork(groups map[string]stream.Registration) string {
	latest := time.Time{}
	for _, registration := range groups {
		if registration.Seen.After(latest) {
			latest = registration.Seen
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if latest.Sub(groups[name].Seen) < unseenAfter {
			return name
		}
	}
	return ""
}

func (n *names) isWanted(name string) bool {
	for _, registration := range n.groups {
		if registration.Wants(name) {
			return true
		}
	}
	return false
}

// plainNames are the names without `*` that groups subscribe to.
func (n *names) plainNames() []string {
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
