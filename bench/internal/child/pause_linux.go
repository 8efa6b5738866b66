package child

import (
	"syscall"
	"time"
)

// pause sleeps in the kernel: a timer of Go's runtime fires up to a millisecond late in a process that is otherwise idle.
func pause(length time.Duration) {
	if length <= 0 {
		return
	}
	left := syscall.NsecToTimespec(length.Nanoseconds())
	_ = syscall.Nanosleep(&left, nil) // cut short by a signal, the caller finds that nothing is due yet
}
