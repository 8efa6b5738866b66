package shop_test

import "syscall"

// ownGroup gives a process a group of its own, and has the kernel ask it to end when the test's process dies, also by a panic.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
