package child

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/millrace/millrace/bench/internal/usage"
)

// Usage is what a process has used.
type Usage struct {
	CPU     time.Duration
	Mallocs uint64
	// PeakRSS is the most memory that it ever held, in bytes; it belongs to the process' whole life.
	PeakRSS int64
	// Goroutines is how many there were at the end.
	Goroutines int
}

// takeUsage says what this process has used so far.
func takeUsage() (Usage, error) {
	var resources syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &resources); err != nil {
		return Usage{}, fmt.Errorf("ask what the process has used: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	peak, err := usage.PeakRSS(os.Getpid())
	return Usage{
		CPU:     time.Duration(resources.Utime.Nano() + resources.Stime.Nano()),
		Mallocs: memory.Mallocs, PeakRSS: peak, Goroutines: runtime.NumGoroutine(),
	}, err
}

// since is what was used after an earlier moment.
func (u Usage) since(earlier Usage) Usage {
	u.CPU -= earlier.CPU
	u.Mallocs -= earlier.Mallocs
	return u
}
