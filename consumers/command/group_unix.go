//go:build unix

package command

import "syscall"

// killGroup signals every process of the group; one that is gone is none.
func killGroup(group int, signal syscall.Signal) { _ = syscall.Kill(-group, signal) }

// peek reads what a pipe holds by now, one byte at most, and does not block. ended tells that nothing will come any more.
func peek(pipe syscall.RawConn) (found, ended bool) {
	var one [1]byte
	var count int
	var err error
	unread := pipe.Read(func(descriptor uintptr) bool {
		count, err = syscall.Read(int(descriptor), one[:])
		return true
	})
	return count > 0, unread != nil || count == 0 && err == nil
}
