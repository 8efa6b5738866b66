package workload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/service"
	"github.com/millrace/millrace/bench/internal/system"
	"github.com/millrace/millrace/consumers"
)

const (
	// program is the real binary.
	program = "millrace-service"
	// library is the same handlers through the packages.
	library = "millrace-inventory"

	programGroups = 3
	// programLook is how often it is looked at how far the program is.
	programLook = 10 * time.Millisecond
)

// serviceDrain is whether the program is as fast as the packages that it is made of.
func serviceDrain() Workload {
	return Workload{
		Name:  "service",
		About: "the program beside the same handlers through the packages: a drain that reserves stock, 3 groups",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			events := bench.size(50_000, 3_000)
			results, err := bench.rounds(ctx, bench.asked(library, program),
				func(ctx context.Context, run *run) (round.Measure, error) {
					spec := child.Spec{Target: run.target(programGroups, events), Events: events}
					if run.system.Name() == program {
						return run.drainProgram(ctx, spec)
					}
					measure, err := run.drain(ctx, spec)
					return measure, errors.Join(err, system.CheckStock(ctx, spec.Target, events))
				})
			return []round.Table{serviceTable(results, events)}, err
		},
	}
}

func serviceTable(results *round.Results, events int) round.Table {
	table := round.Table{
		Title: "The program: " + round.Count(events) + " stored orders whose stock is reserved in Redis, 3 groups",
		Note:  "The handlers ask Redis once for each event, which is most of what is measured here.",
		Columns: []string{
			"system", "deliveries/s", "ratio to the packages", "client CPU s per million", "server CPU s per million",
			"peak RSS MB",
		},
	}
	for _, name := range results.Names() {
		table.Add(name, results.Of(name, "deliveries/s").Figure(), ratio(results, name, library, "deliveries/s"),
			results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure(),
			results.Of(name, "RSS").Figure())
	}
	return table
}

// drainProgram fills a backlog and has the program reserve the stock.
func (r *run) drainProgram(ctx context.Context, spec child.Spec) (round.Measure, error) {
	return r.drainHandlers(ctx, spec, service.Inventory(spec.Target), func(running *service.Service) error {
		return endProgram(ctx, running, spec.Target, spec.Events)
	})
}

// drainHandlers fills a backlog and has the program handle it with this handlers file, from its start to the last ack. Then
// end checks what came of it and stops the program.
func (r *run) drainHandlers(
	ctx context.Context, spec child.Spec, handlers string, end func(running *service.Service) error,
) (round.Measure, error) {
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	binary, err := r.bench.program(ctx) // builds it, perhaps
	if err != nil {
		return nil, err
	}
	cpuBefore, err := r.server.CPU(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	running, err := binary.StartHandlers(ctx, spec.Target, handlers)
	if err != nil {
		return nil, err
	}
	defer running.Kill()
	if err := r.awaitNothingLeft(ctx, spec.Target); err != nil {
		return nil, err
	}
	elapsed := time.Since(began)
	cpuAfter, err := r.server.CPU(ctx)
	cpu, cpuErr := running.CPU()
	rss, rssErr := running.PeakRSS()
	if err := errors.Join(err, cpuErr, rssErr, end(running)); err != nil {
		return nil, err
	}
	deliveries := float64(spec.Events * len(spec.Target.Groups))
	return round.Measure{
		"deliveries/s": deliveries / elapsed.Seconds(),
		"client CPU":   cpu.Seconds() / deliveries * 1e6,
		"server CPU":   (cpuAfter - cpuBefore).Seconds() / deliveries * 1e6,
		"RSS":          float64(rss) / (1 << 20),
	}, nil
}

// startProgram starts the program, which is built when it is first needed.
func (r *run) startProgram(ctx context.Context, target system.Target) (*service.Service, error) {
	binary, err := r.bench.program(ctx)
	if err != nil {
		return nil, err
	}
	return binary.Start(ctx, target)
}

// awaitNothingLeft waits until every group has acked everything.
func (r *run) awaitNothingLeft(ctx context.Context, target system.Target) error {
	for deadline := time.Now().Add(r.patience); ; {
		left, err := system.Unsettled(ctx, r.system, target)
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d deliveries were not acked within %v", left, r.patience)
		}
		time.Sleep(programLook)
	}
}

// endProgram checks that the program has handled each of so many events once in every group and nothing besides, and stops
// it. The program's own count shows what came twice; the stock shows what was reserved.
func endProgram(ctx context.Context, running *service.Service, target system.Target, events int) error {
	return errors.Join(checkAcked(ctx, running, target, events), system.CheckStock(ctx, target, events), running.Stop())
}

// checkAcked asks the program whether it has handled so many events in every group, and acked each of them at once.
func checkAcked(ctx context.Context, running *service.Service, target system.Target, events int) error {
	outcomes, err := running.Outcomes(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, group := range target.Groups {
		maps.DeleteFunc(outcomes[group], func(_ string, count int) bool { return count == 0 })
		if got := outcomes[group]; len(got) != 1 || got[string(consumers.Acked)] != events {
			faults = append(faults, fmt.Errorf("group %q: expected %d deliveries, all acked, got %v", group, events, got))
		}
	}
	return errors.Join(faults...)
}
