//go:build !linux

package server

import (
	"fmt"
	"os"
	"syscall"
)

// DieWithParent asks for nothing where the kernel offers nothing.
func DieWithParent() *syscall.SysProcAttr { return nil }

// GroupOfItsOwn asks for nothing either.
func GroupOfItsOwn() *syscall.SysProcAttr { return nil }

// SignalGroup sends a signal to the leader alone.
func SignalGroup(leader int, signal syscall.Signal) error {
	process, err := os.FindProcess(leader)
	if err != nil {
		return fmt.Errorf("signal process %d: %w", leader, err)
	}
	return process.Signal(signal)
}
