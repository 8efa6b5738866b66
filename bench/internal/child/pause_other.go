//go:build !linux

package child

import "time"

// exactPauses asks for nothing where the kernel offers nothing.
func exactPauses() {}

// pause sleeps as well as Go's runtime can.
func pause(length time.Duration) { time.Sleep(length) }
