package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// How long nothing is started after a process has ended without answering once: the first time, and at most.
const (
	gateMin = 100 * time.Millisecond
	gateMax = 10 * time.Second
)

// gate keeps a program that ends at its start from being started over and over. While it is shut, one event at a time
// tries the program, with a growing pause between, and the others wait.
type gate struct {
	log  *zap.Logger
	turn chan struct{} // full while somebody tries the program

	mu    sync.Mutex
	pause time.Duration // zero while the gate is open
	until time.Time     // the next try
	fault error         // what the last one ended with
}

func newGate(log *zap.Logger) *gate { return &gate{log: log, turn: make(chan struct{}, 1)} }

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause == 0
}

// remaining is how long it is until the next try.
func (g *gate) remaining() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

// shut is told that the program has ended without answering once. Processes that were started together count as one.
func (g *gate) shut(fault error, trial bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fault
	switch {
	case g.pause == 0:
		g.pause = gateMin
		g.log.Warn("the program ends before it has answered once: it is started less often until it does", zap.Error(fault))
	case trial:
		g.pause = min(2*g.pause, gateMax)
	default:
		return
	}
	g.until = time.Now().Add(g.pause)
}

// open is told that the program works.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause != 0 {
		g.pause, g.fault = 0, nil
		g.log.Info("the program answers again")
	}
}

// leave gives the turn to the next.
func (g *gate) leave() { <-g.turn }

// gaveUp is the error of an event that has waited for a process in vain.
func (g *gate) gaveUp(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault == nil {
		return fmt.Errorf("wait for a process: %w", context.Cause(ctx))
	}
	return fmt.Errorf("wait for a process, since the last one failed at its start: %w", g.fault)
}
