package redistest_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
)

const (
	ping      = "*1\r\n$4\r\nPING\r\n"
	increment = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
)

func TestEachServesOneStream(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		options, err := redis.ParseURL(url)
		if err != nil {
			t.Fatalf("ParseURL(%q) error = %v", url, err)
		}
		client := redis.NewClient(options)
		defer client.Close()
		ctx := t.Context()
		if err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []string{"event", "A"}}).Err(); err != nil {
			t.Fatalf("XADD error = %v", err)
		}
		if got, err := client.XLen(ctx, "s").Result(); got != 1 || err != nil {
			t.Errorf("XLEN = %d, %v, want 1", got, err)
		}
		if err := client.Set(ctx, "k", "v", 30*time.Millisecond).Err(); err != nil {
			t.Fatalf("SET PX error = %v", err)
		}
		eventually(t, "the key expires", func() bool { return client.Exists(ctx, "k").Val() == 0 })
	})
}

func TestServerLifecycle(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	client := server.Client()
	if got := server.CLI("SET", "kept", "1"); got != "OK" {
		t.Fatalf("CLI(SET) = %q, want OK", got)
	}

	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := answer(ctx, server.Addr()); err == nil {
		t.Error("a paused server answered PING")
	}
	server.Resume()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("PING after Resume error = %v", err)
	}

	server.Kill()
	server.Kill()
	if connection, err := net.Dial("tcp", server.Addr()); err == nil {
		connection.Close()
		t.Error("a killed server accepts connections")
	}
	server.Restart()
	if got := server.CLI("GET", "kept"); got != "1" {
		t.Errorf("CLI(GET kept) after Kill and Restart = %q, want 1", got)
	}
	server.Restart()
	if got := server.CLI("GET", "kept"); got != "1" {
		t.Errorf("CLI(GET kept) after a second Restart = %q, want 1", got)
	}
	server.Pause() // the cleanup must end a paused server too
}

func TestProxyBlackholeAndHeal(t *testing.T) {
	t.Parallel()
	proxy := redistest.StartProxy(t, redistest.Memory(t).Addr())
	connection := dial(t, proxy.Addr())
	exchange(t, connection, ping, "+PONG\r\n")

	proxy.Blackhole()
	late := dial(t, proxy.Addr())
	for _, silent := range []net.Conn{connection, late} {
		if _, err := silent.Write([]byte(ping)); err != nil {
			t.Fatalf("Write into a black hole error = %v", err)
		}
		_ = silent.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		if _, err := silent.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read from a black hole error = %v, want a timeout", err)
		}
	}
	proxy.Heal()
	exchange(t, connection, "", "+PONG\r\n")
	exchange(t, late, "", "+PONG\r\n")
}

func TestProxyReset(t *testing.T) {
	t.Parallel()
	proxy := redistest.StartProxy(t, redistest.Memory(t).Addr())
	connection := dial(t, proxy.Addr())
	exchange(t, connection, ping, "+PONG\r\n")
	proxy.Reset()
	if _, err := connection.Read(make([]byte, 8)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Read after Reset error = %v, want ECONNRESET", err)
	}
	exchange(t, dial(t, proxy.Addr()), ping, "+PONG\r\n")
}

func TestProxyDropReplies(t *testing.T) {
	t.Parallel()
	server := redistest.Memory(t)
	proxy := redistest.StartProxy(t, server.Addr())
	connection := dial(t, proxy.Addr())
	proxy.DropReplies(1)
	if _, err := connection.Write([]byte(increment)); err != nil {
		t.Fatalf("Write error = %v", err)
	}
	if n, err := connection.Read(make([]byte, 8)); err == nil {
		t.Errorf("Read of a dropped reply = %d bytes, want the end of the connection", n)
	}
	if got := server.Client().Get(t.Context(), "n").Val(); got != "1" {
		t.Errorf("GET n = %q, want 1: the request must have been done", got)
	}
	exchange(t, dial(t, proxy.Addr()), increment, ":2\r\n")
}

func TestProxyDelay(t *testing.T) {
	t.Parallel()
	proxy := redistest.StartProxy(t, redistest.Memory(t).Addr())
	connection := dial(t, proxy.Addr())
	exchange(t, connection, ping, "+PONG\r\n")
	proxy.Delay(60 * time.Millisecond)
	began := time.Now()
	exchange(t, connection, ping, "+PONG\r\n")
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("PING with Delay(60ms) took %v", took)
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("Dial(%q) error = %v", addr, err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func exchange(t *testing.T, connection net.Conn, request, want string) {
	t.Helper()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := connection.Write([]byte(request)); err != nil {
		t.Fatalf("Write(%q) error = %v", request, err)
	}
	reply := make([]byte, 256)
	n, err := connection.Read(reply)
	if got := string(reply[:n]); got != want || err != nil {
		t.Fatalf("reply to %q = %q, %v, want %q", request, got, err, want)
	}
}

func answer(ctx context.Context, addr string) error {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true})
	defer client.Close()
	return client.Ping(ctx).Err()
}

func eventually(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !isSo() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10s in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
