package command

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupOfItsOwn makes the program the leader of a process group, and has the kernel kill it when this process dies.
func groupOfItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reap waits for the program's end and calls ended while its ID is not free yet, so that no other group can have it.
func reap(command *exec.Cmd, ended func()) {
	if waitForEnd(command.Process.Pid) == nil {
		ended()
	} else {
		defer ended()
	}
	_ = command.Wait() // ProcessState has what is to be known
	reapOrphans(command.Process.Pid)
}

// reapOrphans waits for what was killed of the group where the kernel has made it this process's own: to the first process of
// a container it gives all that has lost its parent, and nobody else takes their zombies away. While any of them is there, no
// other process gets the group's number.
func reapOrphans(group int) {
	for {
		if _, err := unix.Wait4(-group, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// waitForEnd waits until the process has ended, and leaves it to be reaped.
func waitForEnd(id int) error {
	for {
		if err := unix.Waitid(unix.P_PID, id, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
