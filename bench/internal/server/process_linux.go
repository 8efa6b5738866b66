package server

import "syscall"

// DieWithParent has the kernel end a process that was started when the benchmark dies.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// GroupOfItsOwn makes a process that starts others the leader of their process group, and has the kernel tell it to end
// when the benchmark dies, so that it can end them.
func GroupOfItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}

// SignalGroup sends a signal to every process of the group that this one leads.
func SignalGroup(leader int, signal syscall.Signal) error { return syscall.Kill(-leader, signal) }
