package paper

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many of the bytes that were written to a connection its other end has not acknowledged.
func unacknowledged(connection *net.TCPConn) int {
	raw, err := connection.SyscallConn()
	if err != nil {
		return 0
	}
	count := 0
	if err := raw.Control(func(descriptor uintptr) {
		if waiting, err := unix.IoctlGetInt(int(descriptor), unix.SIOCOUTQ); err == nil {
			count = waiting
		}
	}); err != nil {
		return 0
	}
	return count
}
