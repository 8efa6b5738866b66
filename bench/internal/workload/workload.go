// Package workload holds what is measured, one file each.
package workload

import (
	"context"

	"github.com/millrace/millrace/bench/internal/round"
)

// Workload is one question and the tables that answer it.
type Workload struct {
	Name string
	// About says in a line what is measured.
	About string
	// Run measures; what went wrong with any run, a missing or doubled event included, is its error.
	Run func(ctx context.Context, bench *Bench) ([]round.Table, error)
}

// All lists the workloads in the order in which they run.
func All() []Workload {
	return []Workload{
		drain(), latency(), slow(), publish(), idle(), kill(), retry(), memory(), neighbour(), groups(), payload(), serviceDrain(),
		inPHP(),
	}
}
