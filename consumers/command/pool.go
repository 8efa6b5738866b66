package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/consumers"
)

// mostIdle is how many processes without work are kept; it is no less than the concurrency that a handler may have.
const mostIdle = 1000

// pool hands events to processes that it keeps. There are as many as there were events in hand at once.
type pool struct {
	program   *program
	maxEvents int
	log       *zap.Logger
	idle      chan *worker
	gate      *gate
	leaving   sync.WaitGroup // processes that are ended while nobody waits for them
}

func newPool(program *program, maxEvents int, log *zap.Logger) *pool {
	return &pool{program: program, maxEvents: maxEvents, log: log, idle: make(chan *worker, mostIdle), gate: newGate(log)}
}

// handle has a process handle the event.
func (p *pool) handle(ctx context.Context, delivery *consumers.Delivery) error {
	request, err := requestOf(delivery)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("hand the event to %s: %w", p.program.name(), context.Cause(ctx))
	}
	worker, err := p.take(ctx)
	if err != nil {
		return err
	}
	said, err := worker.ask(ctx, request)
	if err != nil {
		p.replace(ctx, worker, err)
		return err
	}
	p.giveBack(worker)
	return said.settle(p.program.name(), delivery)
}

// take returns a process that waits for work, or a new one. It blocks while the program ends at its start.
func (p *pool) take(ctx context.Context) (*worker, error) {
	for {
		select {
		case worker := <-p.idle:
			if p.isFit(worker) {
				return worker, nil
			}
			continue
		default:
		}
		if p.gate.isOpen() {
			return p.start(false)
		}
		worker, err := p.await(ctx)
		if worker != nil || err != nil {
			return worker, err
		}
	}
}

// await waits for a process that has become idle, or for the turn to start one. It returns nothing where take is to look
// again.
func (p *pool) await(ctx context.Context) (*worker, error) {
	select {
	case worker := <-p.idle:
		return p.fit(worker), nil
	case <-ctx.Done():
		return nil, p.gate.gaveUp(ctx)
	case p.gate.turn <- struct{}{}:
	}
	if p.gate.isOpen() {
		p.gate.leave()
		return nil, nil
	}
	timer := time.NewTimer(p.gate.remaining())
	defer timer.Stop()
	select {
	case worker := <-p.idle:
		p.gate.leave()
		return p.fit(worker), nil
	case <-ctx.Done():
		p.gate.leave()
		return nil, p.gate.gaveUp(ctx)
	case <-timer.C:
		return p.start(true)
	}
}

// start starts a process. A trial holds the gate's turn until it is known what came of it.
func (p *pool) start(trial bool) (*worker, error) {
	worker, err := newWorker(p.program)
	if err != nil {
		p.failed(err, trial)
		return nil, err
	}
	worker.trial = trial
	return worker, nil
}

// failed tells the gate that a process did not come as far as its first answer.
func (p *pool) failed(err error, trial bool) {
	p.gate.shut(err, trial)
	if trial {
		p.gate.leave()
	}
}

// fit returns the process if it can be handed an event, else nil.
func (p *pool) fit(worker *worker) *worker {
	if p.isFit(worker) {
		return worker
	}
	return nil
}

// isFit tells whether the process can be handed an event. One that cannot is ended.
func (p *pool) isFit(worker *worker) bool {
	err := worker.idle()
	if err != nil {
		p.log.Debug("a process is replaced", zap.Error(err))
		p.leaving.Go(worker.end)
	}
	return err == nil
}

// replace ends a process that has failed at an event. It waits until it is gone, so that the event is tried again by
// another one only then. A first event that took too long says nothing of the program: it may hang at this one alone.
func (p *pool) replace(ctx context.Context, worker *worker, err error) {
	p.log.Debug("a process is replaced", zap.Error(err))
	worker.end()
	switch {
	case worker.handled > 0:
	case ctx.Err() == nil:
		p.failed(err, worker.trial)
	case worker.trial:
		p.gate.leave()
	}
}

// giveBack keeps a process for the next event, unless it has done enough.
func (p *pool) giveBack(worker *worker) {
	if worker.handled == 1 {
		p.works(worker)
	}
	if worker.spent || worker.handled >= p.maxEvents {
		p.leaving.Go(worker.retire)
		return
	}
	select {
	case p.idle <- worker:
	default:
		p.leaving.Go(worker.retire)
	}
}

// works tells the gate that the process has answered for the first time.
func (p *pool) works(worker *worker) {
	p.gate.open()
	if worker.trial {
		p.gate.leave()
	}
	worker.trial = false
}

// close ends the processes that wait for work, after the last call of handle, and returns when all are gone.
func (p *pool) close() {
	for {
		select {
		case worker := <-p.idle:
			p.leaving.Go(worker.retire)
		default:
			p.leaving.Wait()
			return
		}
	}
}
