package breakable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNoClockLibrary says that no server can be given a wrong clock here.
var ErrNoClockLibrary = errors.New("libfaketime is not there: install Debian's package faketime")

// Clock is the wall clock of a server, to be set at will while it runs. The machine's own is left alone.
type Clock struct{ preloaded, file string }

// NewClock returns a clock that is right, and keeps its setting in a file in dir. The error is ErrNoClockLibrary where the
// library is not installed that stands between a server and the machine's clock.
func NewClock(dir string) (*Clock, error) {
	for _, pattern := range []string{"/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			clock := &Clock{preloaded: found[0], file: filepath.Join(dir, "clock")}
			return clock, clock.Set(0)
		}
	}
	return nil, ErrNoClockLibrary
}

// Environment is what StartServerIn needs so that the server goes by this clock. Its monotonic clock stays as it is, as
// when somebody sets a machine's clock. The C library's own allocator stands in for jemalloc, which asks for the time
// before the clock's library can answer.
func (c *Clock) Environment() []string {
	return []string{
		"LD_PRELOAD=" + c.preloaded + ":libc.so.6", "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1",
	}
}

// Set makes the clock wrong by so much from now on, ahead or back; whole seconds count, and zero is right.
func (c *Clock) Set(wrong time.Duration) error {
	written := c.file + ".new"
	err := os.WriteFile(written, fmt.Appendf(nil, "%+d\n", int(wrong.Seconds())), 0o600)
	if err = errors.Join(err, os.Rename(written, c.file)); err != nil { // nobody reads half of it
		return fmt.Errorf("set a clock: %w", err)
	}
	return nil
}
