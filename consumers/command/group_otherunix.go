//go:build unix && !linux

package command

import (
	"os/exec"
	"syscall"
)

// groupOfItsOwn makes the program the leader of a process group. The kernel offers nothing that ends it when this process
// dies, so it has to notice that its standard input has ended.
func groupOfItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// reap waits for the program's end and then calls ended.
func reap(command *exec.Cmd, ended func()) {
	_ = command.Wait() // ProcessState has what is to be known
	ended()
}
