package webhook_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
)

// TestCloseEndsADial closes the handler while it dials a server that lets nobody in.
func TestCloseEndsADial(t *testing.T) {
	t.Parallel()
	handler := posts(t, webhook.Options{URL: "http://" + full(t)})
	failed := make(chan error)
	begun := time.Now()
	go func() { failed <- handler.Handle(t.Context(), delivery()) }()
	time.AfterFunc(200*time.Millisecond, func() { handler.Close() })
	if err := <-failed; remotetest.Verdict(err) != "retry" || time.Since(begun) > 8*time.Second {
		t.Errorf("a dial of a closed handler: got %v after %v, want an error sooner than the dial's own", err, time.Since(begun))
	}
}

// full is the address of a socket whose queue of connections is full, so that the kernel answers no more.
func full(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 50 {
		conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("this kernel lets everybody in")
	return ""
}
