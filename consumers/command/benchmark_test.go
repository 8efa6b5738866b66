package command_test

import (
	"os"
	"testing"

	"github.com/millrace/millrace/consumers/command"
)

// BenchmarkPHP hands one event after the other to the smallest handler in PHP, to one process at a time.
func BenchmarkPHP(b *testing.B) {
	php := requireTool(b, "php", "php-cli")
	for _, mode := range []command.Mode{command.Once, command.Persistent} {
		b.Run(string(mode), func(b *testing.B) {
			handler := newHandler(b, command.Options{
				Argv: []string{php, "testdata/benchmark.php"}, Mode: mode, Environment: []string{"PATH=" + os.Getenv("PATH")},
			})
			b.ResetTimer()
			for b.Loop() {
				if err := handler.Handle(b.Context(), delivery(`{"order_id":12345,"items":[{"product_id":1,"quantity":2}]}`)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
