package redistest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// MemoryServer is a server in memory. Idle times, entry IDs and TIME follow the wall clock, and keys expire by it too;
// SetTime freezes all of them. Never use its Restart: a blocked read is not answered any more after it.
type MemoryServer struct {
	*miniredis.Miniredis
	t testing.TB
}

// Memory starts a server in memory on a loopback port. It is closed when the test ends.
func Memory(t testing.TB) *MemoryServer {
	t.Helper()
	server := miniredis.RunT(t)
	server.ClockTTL(true)
	return &MemoryServer{Miniredis: server, t: t}
}

// URL is the server's address in the form that MILLRACE_REDIS_URL takes.
func (m *MemoryServer) URL() string { return "redis://" + m.Addr() }

// Client returns a new client of the server, closed when the test ends.
func (m *MemoryServer) Client() *redis.Client { return newClient(m.t, m.Addr()) }

// Each runs the same test against a new real server and a new one in memory, as the subtests "real" and "memory", so
// that one suite says what both must do. run may call t.Parallel.
func Each(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	t.Run("real", func(t *testing.T) { run(t, Start(t).URL()) })
	t.Run("memory", func(t *testing.T) { run(t, Memory(t).URL()) })
}
