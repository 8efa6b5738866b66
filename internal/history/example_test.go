package history_test

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/history"
)

// A consumer is killed while it handles the second order, and nobody takes the order over.
func Example() {
	begin := time.Unix(0, 0)
	run := history.New(42, "inventory")

	run.Published("order-1", history.Acknowledged)
	run.Published("order-2", history.Acknowledged)
	run.Published("order-3", history.Unknown)

	run.Started("inventory", "order-1", "consumer-a", begin)
	run.Ended("inventory", "order-1", "consumer-a", begin.Add(time.Second), history.Succeeded)
	run.Started("inventory", "order-2", "consumer-a", begin.Add(time.Second))
	run.Died("consumer-a", begin.Add(2*time.Second))

	report := run.Check()
	fmt.Print(report)
	fmt.Println(report.Sound())
	// Output:
	// seed 42
	// group      published  unknown  recovered  started  handled  dead  in flight  repeated  faults
	// inventory  2          1        0          2        1        0     0          0         1
	// inventory: lost 1: "order-2"
	// run with seed 42 is not sound: group "inventory": lost 1: "order-2"
}
