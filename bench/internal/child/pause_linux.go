package child

import (
	"runtime"
	"syscall"
	"time"
)

// setTimerSlack is PR_SET_TIMERSLACK of prctl(2).
const setTimerSlack = 29

// exactPauses keeps the calling goroutine on a thread whose sleeps the kernel does not stretch by its usual 50 microseconds.
func exactPauses() {
	runtime.LockOSThread()
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0) // without it, the report shows what is late
}

// pause sleeps in the kernel: a timer of Go's runtime fires up to a millisecond late in a process that is otherwise idle.
func pause(length time.Duration) {
	if length <= 0 {
		return
	}
	left := syscall.NsecToTimespec(length.Nanoseconds())
	_ = syscall.Nanosleep(&left, nil) // cut short by a signal, the caller finds that nothing is due yet
}
