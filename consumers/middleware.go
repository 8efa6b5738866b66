package consumers

import "context"

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
