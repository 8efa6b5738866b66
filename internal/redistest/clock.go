package redistest

import (
	"os"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// StartClock is Start with a wall clock that set makes wrong, ahead or back, while the server runs. The test is skipped where
// the library for that is not installed, and fails where MILLRACE_REQUIRE_TOOLS is 1.
func StartClock(t testing.TB) (server *Server, set func(wrong time.Duration)) {
	t.Helper()
	requireRedis(t)
	clock, err := breakable.NewClock(t.TempDir())
	if err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	started, err := breakable.StartServerIn(clock.Environment(), t.TempDir())
	server = &Server{t: t, server: started}
	server.must(err)
	t.Cleanup(server.Kill)
	return server, func(wrong time.Duration) {
		t.Helper()
		server.must(clock.Set(wrong))
	}
}
