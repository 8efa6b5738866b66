package catalog

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/stream"
)

// readEmit reads the section `emit`: the events that follow the handler's outcomes.
func readEmit(handler *section) stream.Emit {
	events := handler.section("emit")
	emit := stream.Emit{Acked: readEmitted(events, "acked"), DeadLettered: readEmitted(events, "dead_lettered")}
	if handler.has("emit") && len(events.keys) == 0 && !events.broken {
		handler.fault("emit", "expected the event that follows an outcome, as in {acked: ORDER_PRINTED, dead_lettered: PRINT_FAILED}, got none")
	}
	events.finish()
	return emit
}

// readEmitted reads the name of one event.
func readEmitted(events *section, outcome string) string {
	name := events.text(outcome)
	if problem := checkEventName(name); name != "" && problem != "" {
		events.fault(outcome, "%s", problem)
	} else if strings.Contains(name, "*") {
		events.fault(outcome, "expected one event's name, got %s", quote(name))
	}
	return name
}

// link is one event on its way: what is emitted, and the handler that subscribes to it.
type link struct {
	event string
	to    int
}

// chains are who causes whose events, among the handlers of a file.
type chains struct {
	specs []Spec
	links [][]link // by handler
	state []visit  // by handler
	path  []link   // to the handler that is looked at
	cycle func([]link)
}

// visit is how far the search has come with a handler.
type visit int

const (
	unvisited visit = iota
	onPath
	finished
)

// reportCycles reports handlers whose events come back to them, in the place of one of them. Of cycles that have handlers in
// common it may report only some; one at least is found where there are any.
func reportCycles(handlers []*section, specs []Spec) {
	search := &chains{specs: specs, links: make([][]link, len(specs)), state: make([]visit, len(specs))}
	search.cycle = func(cycle []link) {
		first := slices.MinFunc(cycle, func(a, b link) int { return a.to - b.to }).to
		handlers[first].fault("emit", "its events would cause one another without end: %s", search.spell(cycle))
	}
	for i := range specs {
		search.links[i] = linksFrom(specs, i)
	}
	for i := range specs {
		search.visit(i)
	}
}

// linksFrom are the events that a handler emits, with those who subscribe to them.
func linksFrom(specs []Spec, from int) []link {
	var links []link
	for _, event := range slices.Compact([]string{specs[from].Emit.Acked, specs[from].Emit.DeadLettered}) {
		for i := range specs {
			subscribes := func(pattern string) bool { return stream.MatchName(pattern, event) }
			if event != "" && slices.ContainsFunc(specs[i].Events, subscribes) {
				links = append(links, link{event, i})
			}
		}
	}
	return links
}

// visit looks at a handler and at all that its events lead to.
func (c *chains) visit(handler int) {
	if c.state[handler] != unvisited {
		return
	}
	c.state[handler] = onPath
	for _, next := range c.links[handler] {
		c.path = append(c.path, next)
		if c.state[next.to] == onPath {
			c.cycle(c.backTo(next.to))
		}
		c.visit(next.to)
		c.path = c.path[:len(c.path)-1]
	}
	c.state[handler] = finished
}

// backTo is the end of the path, from what the handler emits to what comes to it.
func (c *chains) backTo(handler int) []link {
	for at := len(c.path) - 2; at >= 0; at-- {
		if c.path[at].to == handler {
			return c.path[at+1:]
		}
	}
	return c.path // it is where the search began
}

// spell prints a cycle, as `A -> handler x -> B -> handler y -> A`, of a long one the beginning and the end.
func (c *chains) spell(cycle []link) string {
	const most = 8
	var text strings.Builder
	for i, link := range cycle {
		if skipped := len(cycle) - most; skipped > 0 && i >= most/2 && i < most/2+skipped {
			if i == most/2 {
				text.WriteString("... -> ")
			}
			continue
		}
		text.WriteString(cutShort(link.event) + " -> handler " + cutShort(c.specs[link.to].Name) + " -> ")
	}
	return text.String() + cutShort(cycle[0].event)
}

// cutShort keeps the first 30 bytes of a name that stands in line with others.
func cutShort(name string) string {
	if len(name) <= 30 {
		return name
	}
	return strings.ToValidUTF8(name[:30], "") + "..."
}
