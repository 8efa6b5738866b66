package fastcgi_test

import "syscall"

// ownGroup gives a process a group of its own, and has the kernel end it when the one that started it dies, also by a panic,
// which runs no cleanup: PHP-FPM ends its processes then.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
