package child

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
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
	peak, err := peakRSS()
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

// peakRSS is VmHWM; unlike getrusage it does not know the process that this one was forked from.
func peakRSS() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("ask for the peak of memory: %w", err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ = strings.Cut(line, " kB")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return kilobytes << 10, err
}
