//go:build !linux

package child

import "time"

// pause sleeps as well as Go's runtime can.
func pause(length time.Duration) { time.Sleep(length) }
