//go:build !linux

package breakable

import "syscall"

// DieWithParent asks for nothing where the kernel offers nothing: a program that panics leaves its processes behind.
func DieWithParent() *syscall.SysProcAttr { return nil }
