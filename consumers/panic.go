package consumers

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
)

// Recover returns a Middleware that makes an error of a handler's panic, with the stack of where it happened. Every group
// has it around its handler.
func Recover() Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, delivery *Delivery) (err error) {
			defer func() {
				if recovered := asError(recover()); recovered != nil {
					err = recovered
				}
			}()
			return next.Handle(ctx, delivery)
		})
	}
}

// panicError is a panic of a handler, with its stack.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// Unwrap returns the error that the handler panicked with, if it was one.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// asError makes an error of what recover returned; nil of nil.
func asError(recovered any) error {
	if recovered == nil {
		return nil
	}
	return &panicError{value: recovered, stack: belowPanic(debug.Stack())}
}

// belowPanic cuts off the frames that lead from the panic to whoever asks for the stack, and the line of the panic itself.
func belowPanic(stack []byte) []byte {
	_, below, found := bytes.Cut(stack, []byte("\npanic("))
	if !found {
		return stack
	}
	lines := bytes.SplitN(below, []byte("\n"), 3) // its arguments, its place, the frames below
	return bytes.TrimSpace(lines[len(lines)-1])
}
