package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/catalog"
	"github.com/millrace/millrace/stream"
)

func (p *program) checkCommand() *cobra.Command {
	var output output
	command := &cobra.Command{
		Use:   "check [HANDLER...]",
		Short: "Check the configuration and the handlers file",
		Long: "Checks the environment variables and the handlers file, without asking Redis, and shows what would run. Every\n" +
			"fault is named, and the exit code is 2 then.",
		Example: "  millrace check\n  MILLRACE_HANDLERS_FILE=new.yaml millrace check",
		RunE: func(_ *cobra.Command, args []string) error {
			for _, warning := range p.Warnings {
				fmt.Fprintln(p.Stderr, "millrace: warning: "+warning)
			}
			found, err := p.check(args)
			if err != nil {
				return &usageError{err}
			}
			if output.isJSON() {
				return p.printJSON(p.checked(found))
			}
			p.printChecked(found)
			return nil
		},
	}
	output.addTo(command)
	return command
}

// check returns what would run, or everything that is wrong: faulty variables do not hide the faults of the file.
func (p *program) check(names []string) (handlers, error) {
	found, err := readHandlers(p.Config, names)
	if err := errors.Join(p.ConfigFaults, err); err != nil {
		return handlers{}, err
	}
	client, err := stream.Open(stream.Options{URL: p.redisURL(), Stream: p.Config.Stream}) // for its parts; nothing is dialed
	if err != nil {
		return handlers{}, err
	}
	defer client.Close()
	groups, err := found.Build(p.dependencies(client))
	for _, group := range groups {
		err = errors.Join(err, group.Validate())
	}
	return found, errors.Join(err, catalog.Close(groups))
}

// dependencies is what handlers are made with.
func (p *program) dependencies(client *stream.Client) catalog.Dependencies {
	return catalog.Dependencies{Redis: client.Redis(), Logger: p.Logger, Environment: p.Environment}
}

// redisURL is the Redis that a command looks for.
func (p *program) redisURL() string {
	return cmp.Or(p.Config.RedisURL, "redis://"+p.Config.EmbeddedAddr)
}

// checkedHandler is a handler as `check` shows it, its defaults filled in.
type checkedHandler struct {
	Name          string   `json:"name"`
	Kind          string   `json:"kind"`
	Events        []string `json:"events"`
	Concurrency   int      `json:"concurrency"`
	Timeout       string   `json:"timeout"`
	MaxDeliveries int      `json:"max_deliveries"`
	BackoffMin    string   `json:"backoff_min"`
	BackoffMax    string   `json:"backoff_max"`
	Dedupe        string   `json:"dedupe,omitempty"`
	From          string   `json:"from"`
	// Emit is shown in a table of its own, KeepResults in JSON alone.
	Emit        stream.Emit `json:"emit,omitzero"`
	KeepResults bool        `json:"keep_results,omitempty"`
}

// checkedAll is all that `check` shows.
type checkedAll struct {
	Redis    string           `json:"redis"`
	Stream   string           `json:"stream"`
	Source   string           `json:"source"`
	Handlers []checkedHandler `json:"handlers"`
}

func (p *program) checked(found handlers) checkedAll {
	all := checkedAll{Redis: p.redisAddress(), Stream: p.Config.Stream, Source: found.source}
	for _, spec := range found.Handlers {
		all.Handlers = append(all.Handlers, checkHandler(spec.GroupOptions))
	}
	return all
}

func checkHandler(options consumers.GroupOptions) checkedHandler {
	backoff := options.Backoff.WithDefaults()
	handler := checkedHandler{
		Name:          options.Name,
		Kind:          options.Kind,
		Events:        options.Events,
		Concurrency:   cmp.Or(options.Concurrency, consumers.DefaultConcurrency),
		Timeout:       Spell(cmp.Or(options.Timeout, consumers.DefaultTimeout)),
		MaxDeliveries: cmp.Or(options.MaxDeliveries, claim.DefaultMaxDeliveries),
		BackoffMin:    Spell(backoff.Min),
		BackoffMax:    Spell(backoff.Max),
		From:          startWords(options.From),
		Emit:          options.Emit,
		KeepResults:   options.KeepResults,
	}
	if options.Dedupe > 0 {
		handler.Dedupe = Spell(options.Dedupe)
	}
	return handler
}

// startWords is a start as the handlers file spells it; of a time, the ID that it stands for.
func startWords(start stream.Start) string {
	switch start {
	case stream.Start{}:
		return "default"
	case stream.FromBeginning():
		return "beginning"
	case stream.FromNew():
		return "new"
	}
	before, err := stream.ParseID(start.String())
	if err != nil {
		return start.String()
	}
	return before.Next().String()
}

// redisAddress is where Redis is, without its secrets.
func (p *program) redisAddress() string {
	client, err := stream.Open(stream.Options{URL: p.redisURL()})
	if err != nil {
		return ""
	}
	defer client.Close()
	return where(client)
}

func (p *program) printChecked(found handlers) {
	all := p.checked(found)
	redis := all.Redis
	if p.Config.RedisURL == "" {
		redis += " (embedded, in memory only)"
	}
	p.printFacts([2]string{"redis", redis}, [2]string{"stream", all.Stream}, [2]string{"handlers", all.Source})
	p.println()
	rows := make([][]string, len(all.Handlers))
	for i, handler := range all.Handlers {
		rows[i] = []string{
			handler.Name, handler.Kind, brief(strings.Join(handler.Events, ", "), 40), digits(handler.Concurrency),
			handler.Timeout, digits(handler.MaxDeliveries), handler.BackoffMin + " to " + handler.BackoffMax,
			orDash(handler.Dedupe), handler.From,
		}
	}
	p.printTable(columns("HANDLER", "KIND", "EVENTS", "#CONCURRENCY", "#TIMEOUT", "#MAX DELIVERIES", "BACKOFF", "DEDUPE", "FROM"), rows)
	p.printEmitted(all.Handlers)
	p.printf("\n%s, no faults.\n", whole(len(rows), "handler"))
}

// printEmitted shows the events that follow what is settled, where there are any, and who of these handlers gets them. An event
// that is handled elsewhere has nobody here.
func (p *program) printEmitted(all []checkedHandler) {
	var rows [][]string
	for _, handler := range all {
		for _, follows := range []struct {
			outcome consumers.Outcome
			event   string
		}{{consumers.Acked, handler.Emit.Acked}, {consumers.DeadLettered, handler.Emit.DeadLettered}} {
			if follows.event != "" {
				getters := brief(strings.Join(subscribers(all, follows.event), ", "), 60)
				rows = append(rows, []string{handler.Name, string(follows.outcome), follows.event, orDash(getters)})
			}
		}
	}
	if len(rows) > 0 {
		p.println()
		p.printTable(columns("HANDLER", "OUTCOME", "EMITS", "HANDLED BY"), rows)
	}
}

// subscribers are the names of those handlers that get an event.
func subscribers(all []checkedHandler, event string) []string {
	var names []string
	for _, handler := range all {
		if slices.ContainsFunc(handler.Events, func(pattern string) bool { return stream.MatchName(pattern, event) }) {
			names = append(names, handler.Name)
		}
	}
	return names
}
