//go:build !linux

package redistest

import "syscall"

// dieWithParent asks for nothing where the kernel offers nothing: a test that panics leaves its server behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
