package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// What a handler may ask for. The limits are far beyond every use: they catch slips, such as an `h` for an `s`.
const (
	maxConcurrency = 1000
	maxDeliveries  = 1000
	day            = 24 * time.Hour
	maxNameBytes   = 256
)

// Parse reads the content of a handlers file; name is what the faults call it. It does no I/O. The error is Faults,
// with everything that is wrong; only text that is no YAML, or too much of it, ends the look early.
func Parse(name string, content []byte, defaults Defaults) (*File, error) {
	report := &report{file: name}
	file := &File{}
	if root := readDocument(report, content); root != nil {
		top := openSection(report, "", newValue(firstLine(root), root), "the section `handlers:`")
		file.Handlers = readHandlers(top, defaults)
		top.finish()
	}
	if err := report.err(); err != nil {
		return nil, err
	}
	return file, nil
}

// readHandlers reads the section `handlers`.
func readHandlers(top *section, defaults Defaults) []Spec {
	top.require("handlers", "the section `handlers:` with at least one handler")
	found, ok := top.lookup("handlers")
	if !ok {
		return nil
	}
	handlers := openSection(top.report, "", found, "`handlers:` to hold handlers by name")
	if len(handlers.keys) == 0 && !handlers.broken {
		top.fault("handlers", "expected at least one handler, got none")
	}
	specs := make([]Spec, 0, len(handlers.keys))
	sections := make([]*section, 0, len(handlers.keys))
	for _, name := range handlers.keys {
		if stream.CheckGroup(name) != nil {
			handlers.fault(name, "a handler's name is 1 to 64 of A-Z a-z 0-9 _ . -")
		}
		handler := handlers.section(name)
		specs, sections = append(specs, readHandler(handler, name, defaults)), append(sections, handler)
		handler.finish()
	}
	reportCycles(sections, specs)
	return specs
}

// readHandler reads one handler.
func readHandler(handler *section, name string, defaults Defaults) Spec {
	options := defaults.group(name)
	options.Events = readEvents(handler)
	options.Unnamed = readUnnamed(handler)
	options.Concurrency = handler.whole("concurrency", options.Concurrency, 1, maxConcurrency)
	options.Timeout = handler.duration("timeout", options.Timeout, time.Millisecond, day)
	options.MaxDeliveries = handler.whole("max_deliveries", options.MaxDeliveries, 1, maxDeliveries)
	options.Backoff = readBackoff(handler, options.Backoff)
	options.Dedupe = handler.duration("dedupe", 0, time.Second, 365*day)
	options.From = readStart(handler)
	options.Emit = readEmit(handler)
	options.KeepResults = handler.truth("keep_results")
	kind, construct := readKind(handler)
	options.Kind = kind
	return Spec{GroupOptions: options, Line: handler.line, construct: construct}
}

// readEvents reads the names that the handler subscribes to.
func readEvents(handler *section) []string {
	items := handler.texts("events", "[NEW_ORDER_RECEIVED]")
	names := make([]string, 0, len(items))
	for _, item := range items {
		problem := checkEventName(item.text)
		if problem == "" && slices.Contains(names, item.text) {
			problem = quote(item.text) + " stands here twice"
		}
		if problem != "" {
			handler.report.add(item.line, handler.below("events"), "%s", problem)
		}
		names = append(names, item.text)
	}
	return names
}

// checkEventName says what is wrong with a name or glob, or "".
func checkEventName(name string) string {
	switch {
	case name == "":
		return "an event's name is empty"
	case len(name) > maxNameBytes:
		return fmt.Sprintf("an event's name has at most %d bytes, got %d", maxNameBytes, len(name))
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return fmt.Sprintf("an event's name has no spaces or control characters, got %s", quote(name))
	case strings.ContainsAny(name, "?[]"):
		return fmt.Sprintf("the one sign that stands for others is *, got %s", quote(name))
	}
	return ""
}

// readUnnamed reads the name for entries that have none.
func readUnnamed(handler *section) string {
	name := handler.text("unnamed")
	if problem := checkEventName(name); name != "" && problem != "" {
		handler.fault("unnamed", "%s", problem)
	} else if strings.Contains(name, "*") {
		handler.fault("unnamed", "expected one event's name, got %s", quote(name))
	}
	return name
}

// readBackoff reads the section `backoff`.
func readBackoff(handler *section, fallback claim.Backoff) claim.Backoff {
	limits := handler.section("backoff")
	backoff := claim.Backoff{
		Min: limits.duration("min", fallback.Min, time.Millisecond, day),
		Max: limits.duration("max", fallback.Max, time.Millisecond, 7*day),
	}
	limits.finish()
	if resolved := backoff.WithDefaults(); resolved.Min > resolved.Max {
		reportBackoff(limits, resolved)
	}
	return backoff
}

// reportBackoff reports a least wait above the greatest, in the line of the one that the handler names itself.
func reportBackoff(limits *section, backoff claim.Backoff) {
	if limits.has("min") {
		limits.fault("min", "expected at most %s, which is max, got %s", spell(backoff.Max), spell(backoff.Min))
	} else {
		limits.fault("max", "expected at least %s, which is min, got %s", spell(backoff.Min), spell(backoff.Max))
	}
}

// readStart reads where a new group begins.
func readStart(handler *section) stream.Start {
	start, err := stream.ParseStart(cut(handler.text("from")))
	if err != nil {
		handler.fault("from", "%v", err)
	}
	return start
}

// readKind reads what handles the events, and its options.
func readKind(handler *section) (string, constructor) {
	handler.require("run", oneOf(kindNames()))
	name := handler.text("run")
	with := handler.section("with")
	read, known := kinds()[name]
	if !known {
		if name != "" {
			handler.fault("run", "unknown kind %s%s", quote(name), suggest(name, kindNames()))
		}
		return name, nil
	}
	construct := read(with)
	with.finish()
	return name, construct
}
