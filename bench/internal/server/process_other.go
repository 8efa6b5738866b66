//go:build !linux

package server

import "syscall"

// DieWithParent asks for nothing where the kernel offers nothing.
func DieWithParent() *syscall.SysProcAttr { return nil }
