package breakable

import "syscall"

// DieWithParent has the kernel kill a process when the one that started it dies, also by a panic, which runs no cleanup.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
