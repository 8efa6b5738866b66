package command

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/consumers"
)

// Handler hands events to a program.
type Handler struct {
	mode mode

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var _ consumers.Handler = (*Handler)(nil)

// mode is how events get to processes.
type mode interface {
	handle(ctx context.Context, delivery *consumers.Delivery) error
	close()
}

var errClosed = errors.New("the handler is closed: nothing is started any more")

// New returns a handler that hands events to a program. The error holds every fault of the options. No process is started
// before the first event.
func New(o Options) (*Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	o = o.withDefaults()
	program, err := o.program()
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if o.Mode == Once {
		return &Handler{mode: once{program: program}}, nil
	}
	return &Handler{mode: newPool(program, o.MaxEvents, o.Logger)}, nil
}

// Handle has the program handle the event, and blocks until it has, or until the processes that were to do so are gone:
// up to 3 s after ctx has ended.
func (h *Handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	if !h.enter() {
		return errClosed
	}
	defer h.running.Done()
	return h.mode.handle(ctx, delivery)
}

func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.running.Add(1)
	}
	return !h.closed
}

// Close waits for the handlings that are under way, which their contexts end, ends the processes that are kept, and returns
// when all of them are gone. It may be called again. Its error is always nil.
func (h *Handler) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.running.Wait()
	h.mode.close()
	return nil
}
