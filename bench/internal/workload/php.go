package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/php"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/service"
)

const (
	// phpBaseline is the way to run a handler in PHP that the others' speed is a ratio of.
	phpBaseline = "command, one-shot"
	// phpAtOnce is how many events are in hand at once, each in a process of its own.
	phpAtOnce = 4
)

// inPHP is what a handler in PHP costs in each of the ways in which Millrace can run it.
func inPHP() Workload {
	return Workload{
		Name:  "php",
		About: "the same handler in PHP as one-shot command, persistent command, fastcgi and webhook",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			ways, missing := installed(bench.phpWays())
			results, err := bench.variants(ctx, program, names(ways),
				func(ctx context.Context, run *run, name string) (round.Measure, error) {
					return run.drainPHP(ctx, named(ways, name))
				})
			return []round.Table{phpTable(results, ways, missing)}, err
		},
	}
}

// phpWay is a way to run the handler.
type phpWay struct {
	name   string
	runs   string // what runs the handler
	atOnce int
	events int                    // as many as take a few seconds
	find   func() (string, error) // finds what it needs; nil is nothing
	start  func(ctx context.Context, source string, atOnce int) (phpHost, error)
}

func (b *Bench) phpWays() []phpWay {
	four := strconv.Itoa(phpAtOnce) + " processes"
	return []phpWay{
		{phpBaseline, "php, a process for each event", phpAtOnce, b.size(400, 8), php.FindCLI, startOneShot},
		{"command, persistent, one at a time", "php, 1 process", 1, b.size(50_000, 200), php.FindCLI, startPersistent},
		{"command, persistent", "php, " + four, phpAtOnce, b.size(80_000, 200), php.FindCLI, startPersistent},
		{"fastcgi", "PHP-FPM, " + four, phpAtOnce, b.size(40_000, 200), php.FindFPM, startFastCGI},
		{"webhook", "php -S, " + four, phpAtOnce, b.size(20_000, 200), php.FindCLI, startWebhook},
		{"webhook without PHP", "a web server in Go that does nothing", phpAtOnce, b.size(60_000, 200), nil, startWithoutPHP},
	}
}

// installed parts the ways into those that can be run here, and what the others miss.
func installed(all []phpWay) (ways []phpWay, missing []string) {
	for _, way := range all {
		if way.find != nil {
			if _, err := way.find(); err != nil {
				missing = append(missing, fmt.Sprintf("%s: %v", way.name, err))
				continue
			}
		}
		ways = append(ways, way)
	}
	return ways, missing
}

func names(ways []phpWay) []string {
	var names []string
	for _, way := range ways {
		names = append(names, way.name)
	}
	return names
}

// named finds the way with this name, which there is.
func named(ways []phpWay, name string) phpWay {
	for _, way := range ways {
		if way.name == name {
			return way
		}
	}
	return phpWay{}
}

func phpTable(results *round.Results, ways []phpWay, missing []string) round.Table {
	table := round.Table{
		Title: "A handler in PHP: stored orders, 1 group",
		Note: "From the start of the program to the last ack. The handler decodes the order, reckons, and writes a line into a " +
			"journal, by which it is checked that each came once.",
		Columns: []string{
			"kind", "what runs the handler", "at once", "orders", "events/s", "ratio to one-shot",
			"Millrace's CPU µs per event", "PHP's CPU µs per event",
		},
	}
	if len(missing) > 0 {
		table.Note += " Not measured: " + strings.Join(missing, "; ") + "."
	}
	for _, name := range results.Names() {
		way := named(ways, name)
		ofPHP := "-"
		if way.find != nil {
			ofPHP = results.Of(name, "PHP CPU").Figure()
		}
		table.Add(name, way.runs, strconv.Itoa(way.atOnce), round.Count(way.events),
			results.Of(name, "deliveries/s").Figure(), ratio(results, name, phpBaseline, "deliveries/s"),
			results.Of(name, "client CPU").Figure(), ofPHP)
	}
	return table
}

// drainPHP fills a backlog and has the program hand it to the handler in one way. Seconds per million are microseconds each.
func (r *run) drainPHP(ctx context.Context, way phpWay) (round.Measure, error) {
	binary, err := r.bench.program(ctx)
	if err != nil {
		return nil, err
	}
	host, err := way.start(ctx, binary.Source(), way.atOnce)
	if err != nil {
		return nil, err
	}
	spec := child.Spec{Target: r.target(1, way.events), Events: way.events}
	spec.Target.Concurrency = way.atOnce
	var family time.Duration
	measure, err := r.drainHandlers(ctx, spec, host.handlers(spec.Target), func(running *service.Service) error {
		err := errors.Join(checkAcked(ctx, running, spec.Target, spec.Events), running.Stop())
		family = running.FamilyCPU()
		return err
	})
	accounts, used, endErr := host.end(way.events)
	if err := errors.Join(err, endErr); err != nil {
		return nil, err
	}
	measure["PHP CPU"] = (family+used).Seconds()/float64(way.events)*1e6 - measure["client CPU"]
	return measure, check.Faults(way.events, accounts)
}
