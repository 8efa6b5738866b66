package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// listen opens addr, which must be a loopback address: the server knows no passwords and keeps no secrets.
func listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: expected a host and a port, as in 127.0.0.1:6379: %w", addr, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("address %q can be reached from other machines: the embedded server has no password and "+
			"listens on 127.0.0.1, ::1 or localhost alone; for more, run a real Redis and set MILLRACE_REDIS_URL", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("address %s is taken, probably because a Redis runs there already: to use that one, set "+
			"MILLRACE_REDIS_URL=redis://%s; to start the embedded server beside it, set MILLRACE_EMBEDDED_ADDR=%s",
			addr, addr, net.JoinHostPort(host, nextPort(port)))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s (MILLRACE_EMBEDDED_ADDR chooses another address): %w", addr, err)
	}
	return listener, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// nextPort proposes the port after a taken one, and 6380 where there is none.
func nextPort(port string) string {
	number, err := strconv.Atoi(port)
	if err != nil || number >= 65535 {
		return "6380"
	}
	return strconv.Itoa(number + 1)
}
