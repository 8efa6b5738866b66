// Package server starts and stops the servers that the systems run against, and asks them what a run has cost.
package server

import (
	"context"
	"time"
)

// Server is one that the benchmark started, on loopback and with a directory of its own.
type Server interface {
	// URL is where it is, in the form that Target.URL of its systems takes.
	URL() string
	// Reset removes everything that it holds.
	Reset(ctx context.Context) error
	// CPU is the processor time that it has used since it started.
	CPU(ctx context.Context) (time.Duration, error)
	// Stop ends it and waits for it.
	Stop()
}
