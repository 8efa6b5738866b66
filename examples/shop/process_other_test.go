//go:build !linux

package shop_test

import "syscall"

// ownGroup gives a process a group of its own; what a test that panics leaves behind, nobody ends.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
