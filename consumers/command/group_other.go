//go:build !unix

package command

import (
	"os"
	"os/exec"
	"syscall"
)

// groupOfItsOwn asks for nothing where there are no process groups.
func groupOfItsOwn() *syscall.SysProcAttr { return nil }

// killGroup kills the program alone, whichever signal is asked for.
func killGroup(group int, _ syscall.Signal) {
	if process, err := os.FindProcess(group); err == nil {
		_ = process.Kill() // or it is gone
	}
}

// reap waits for the program's end and then calls ended.
func reap(command *exec.Cmd, ended func()) {
	_ = command.Wait() // ProcessState has what is to be known
	ended()
}

// peek cannot look into a pipe here.
func peek(syscall.RawConn) (found, ended bool) { return false, false }
