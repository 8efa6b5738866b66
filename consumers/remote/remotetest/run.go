package remotetest

import (
	"context"
	"testing"

	"github.com/millrace/millrace/consumers"
)

// Run runs a set until stop is called, which waits for its end and complains where that was not in good order.
func Run(t testing.TB, set *consumers.Set) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
