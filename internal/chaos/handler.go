package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/millrace/millrace/consumers"
)

// manner is how a handling goes wrong.
type manner string

const (
	mannerFail      manner = "fail"      // returns an error
	mannerPermanent manner = "permanent" // returns one that trying again cannot mend
	mannerPanic     manner = "panic"
	mannerHang      manner = "hang" // until its context ends
	mannerExit      manner = "exit" // kills its process
)

// task is the data of an event: what its handler is to do.
type task struct {
	WorkMicroseconds int `json:"work_us"`
	// Manner is how the first deliveries go wrong, as many as Times says; "" is not at all.
	Manner manner `json:"manner,omitempty"`
	Times  int    `json:"times,omitempty"`
}

// always is more than any event is delivered.
const always = 1000

// newTask draws a task: of 1000 events about 40 go wrong, most of them once. What keeps a worker or a process from its work
// for long is rarer by the factor that is given.
func newTask(random *rand.Rand, rarer int) task {
	drawn := task{WorkMicroseconds: random.IntN(4000)}
	if random.IntN(100*rarer) == 0 {
		drawn.WorkMicroseconds = 100_000 + random.IntN(400_000)
	}
	switch draw := random.IntN(1000); {
	case draw < 20:
		drawn.Manner, drawn.Times = mannerFail, 1+random.IntN(2)
	case draw < 30:
		drawn.Manner, drawn.Times = mannerPanic, 1
	case draw < 35:
		drawn.Manner, drawn.Times = mannerPermanent, 1
	case draw < 38:
		drawn.Manner, drawn.Times = mannerFail, always
	case draw == 38 && random.IntN(rarer) == 0:
		drawn.Manner, drawn.Times = mannerHang, 1
	case draw == 39 && random.IntN(5*rarer) == 0:
		drawn.Manner, drawn.Times = mannerExit, 1
	}
	return drawn
}

var errTold = errors.New("told to fail")

// handler does what the event's data says, and writes down when it began and how it ended.
type handler struct{ journal *journal }

// Handle does the event's task.
func (h handler) Handle(ctx context.Context, delivery *consumers.Delivery) (err error) {
	if err := h.journal.write(wordStart, delivery.Group, delivery.ID); err != nil {
		return err
	}
	word := wordFailed
	defer func() {
		err = errors.Join(err, h.journal.write(word, delivery.Group, delivery.ID))
	}()
	if err := perform(ctx, delivery); err != nil {
		return err
	}
	word = wordOK
	return nil
}

func perform(ctx context.Context, delivery *consumers.Delivery) error {
	var todo task
	if err := json.Unmarshal(delivery.Data, &todo); err != nil {
		return consumers.Permanent(err)
	}
	if err := rest(ctx, time.Duration(todo.WorkMicroseconds)*time.Microsecond); err != nil {
		return err
	}
	if delivery.Deliveries > todo.Times {
		return nil
	}
	switch todo.Manner {
	case mannerFail:
		return errTold
	case mannerPermanent:
		return consumers.Permanent(errTold)
	case mannerPanic:
		panic(errTold)
	case mannerHang:
		<-ctx.Done()
		return context.Cause(ctx)
	case mannerExit:
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil
}

func rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
