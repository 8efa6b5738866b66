package server

import "syscall"

// DieWithParent has the kernel end a process that was started when the benchmark dies.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
