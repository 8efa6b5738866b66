package server

import "syscall"

// DieWithParent has the kernel end a process that was started when the benchmark dies.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// GroupOfItsOwn is DieWithParent for a process that starts others, and makes it the leader of their process group.
func GroupOfItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// SignalGroup sends a signal to every process of the group that this one leads.
func SignalGroup(leader int, signal syscall.Signal) error { return syscall.Kill(-leader, signal) }
