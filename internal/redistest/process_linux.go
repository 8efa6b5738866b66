package redistest

import "syscall"

// dieWithParent has the kernel kill the server when the test's process dies, also by a panic, which runs no cleanup.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
