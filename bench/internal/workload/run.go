package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
)

const (
	// settleWithin is how long the acks may take after the last handling.
	settleWithin = 10 * time.Second
	// settleEvery is how often it is looked at.
	settleEvery = 50 * time.Millisecond
	// reportWithin is how long a child may take to end when it was told to.
	reportWithin = 40 * time.Second
)

// run is one system's turn, on a server that was emptied for it.
type run struct {
	bench      *Bench
	system     system.System
	server     server.Server
	patience   time.Duration // how long the events may take
	cpuProfile string        // "" is none
}

func (b *Bench) newRun(ctx context.Context, name string) (*run, error) {
	sys, err := system.ByName(name)
	if err != nil {
		return nil, err
	}
	server, err := b.serverOf(ctx, sys)
	if err != nil {
		return nil, err
	}
	return &run{bench: b, system: sys, server: server, patience: b.options.Patience}, server.Reset(ctx)
}

// target names the groups and how many events the run has.
func (r *run) target(groups, events int) system.Target {
	return system.NewTarget(r.server.URL(), groups, events)
}

// prepare makes the groups ready and stores nothing.
func (r *run) prepare(ctx context.Context, spec child.Spec) error {
	spec.Events = 0
	return r.fill(ctx, spec)
}

// fill makes the groups ready and stores the events of the spec.
func (r *run) fill(ctx context.Context, spec child.Spec) error {
	spec.Role, spec.System = child.RoleFill, r.system.Name()
	_, err := child.Run(ctx, spec)
	return err
}

// crew are the children that share the groups of a run, and what the server had used when they began.
type crew struct {
	run       *run
	spec      child.Spec
	processes []*child.Process
	cpuBefore time.Duration
}

// consumed is what the consumers of a run came to.
type consumed struct {
	reports   []child.Report
	serverCPU time.Duration // from their beginning to the end of the last handling
}

// consume has as many processes handle the events of the spec, from a backlog that was filled, and checks them.
func (r *run) consume(ctx context.Context, spec child.Spec, processes int) (*consumed, error) {
	consumers, err := r.startConsumers(ctx, spec, processes)
	if err != nil {
		return nil, err
	}
	defer consumers.kill()
	return consumers.finish(ctx)
}

// startConsumers starts as many processes, and has them begin when all of them are ready. The caller ends them with kill,
// whether finish was called or not.
func (r *run) startConsumers(ctx context.Context, spec child.Spec, processes int) (*crew, error) {
	spec.Role, spec.System, spec.Progress = child.RoleConsume, r.system.Name(), processes > 1
	c := &crew{run: r, spec: spec}
	for number := range processes {
		spec.Target.Process, spec.Target.Processes = number, processes
		spec.CPUProfile = ""
		if number == 0 {
			spec.CPUProfile = r.cpuProfile
		}
		process, err := child.Start(ctx, spec)
		if err != nil {
			c.kill()
			return nil, err
		}
		c.processes = append(c.processes, process)
	}
	if err := c.begin(ctx); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

func (c *crew) begin(ctx context.Context) error {
	var err error
	if c.cpuBefore, err = c.run.server.CPU(ctx); err != nil {
		return err
	}
	for _, process := range c.processes {
		if err := process.Go(); err != nil {
			return err
		}
	}
	return nil
}

// kill ends what still runs.
func (c *crew) kill() {
	for _, process := range c.processes {
		process.Kill()
	}
}

// finish waits until every event is handled and acked, ends the consumers, and checks that every group got every event
// exactly once. Where something never came it says what.
func (c *crew) finish(ctx context.Context) (*consumed, error) {
	handled := c.awaitHandled(ctx)
	cpuAfter, err := c.run.server.CPU(ctx)
	if err != nil {
		return nil, errors.Join(handled, err)
	}
	if handled == nil {
		handled = c.run.awaitSettled(ctx, c.spec.Target)
	}
	reports, err := c.end(ctx)
	if err != nil {
		return nil, errors.Join(handled, err)
	}
	accounts := make([][]check.Account, len(reports))
	for i, report := range reports {
		accounts[i] = report.Seen
	}
	if err := errors.Join(handled, check.Faults(c.spec.Events, accounts...)); err != nil {
		return nil, err
	}
	return &consumed{reports: reports, serverCPU: cpuAfter - c.cpuBefore}, nil
}

// awaitHandled waits until the consumers have handled everything between them.
func (c *crew) awaitHandled(ctx context.Context) error {
	patience := c.run.patience
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not every event was handled within %v", patience))
	defer cancel()
	if len(c.processes) == 1 {
		return c.processes[0].AwaitComplete(ctx)
	}
	for sum := 0; sum < c.spec.Events*len(c.spec.Target.Groups); {
		sum = 0
		for _, process := range c.processes {
			handled, err := process.AwaitProgress(ctx)
			if err != nil {
				return err
			}
			sum += handled
		}
	}
	return nil
}

// end stops the consumers and returns what they report.
func (c *crew) end(ctx context.Context) ([]child.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, reportWithin, fmt.Errorf("it did not end within %v", reportWithin))
	defer cancel()
	for _, process := range c.processes {
		process.Stop()
	}
	reports := make([]child.Report, len(c.processes))
	var err error
	for i, process := range c.processes {
		if reports[i], err = process.Report(ctx); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// awaitSettled waits until everything is acked that was handled. The consumers are to be running still.
func (r *run) awaitSettled(ctx context.Context, target system.Target) error {
	for deadline := time.Now().Add(settleWithin); ; {
		unsettled, err := system.Unsettled(ctx, r.system, target)
		if err != nil || unsettled == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d deliveries were not acked within %v of the last handling", unsettled, settleWithin)
		}
		time.Sleep(settleEvery)
	}
}

// elapsed is the time from when the first consumer began to the end of the last handling.
func (c *consumed) elapsed() time.Duration {
	began, ended := c.reports[0].Began, c.reports[0].Ended
	for _, report := range c.reports {
		if report.Began.Before(began) {
			began = report.Began
		}
		if report.Ended.After(ended) {
			ended = report.Ended
		}
	}
	return ended.Sub(began)
}
