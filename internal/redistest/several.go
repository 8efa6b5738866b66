package redistest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/internal/breakable"
	"github.com/millrace/millrace/internal/embedded"
)

// StartOthers starts a server of each program that MILLRACE_TEST_REDIS_SERVERS names, paths parted by colons: other
// versions of redis-server, or valkey-server. Each is as Start's. None is named in most places, and none is started then.
func StartOthers(t testing.TB) []*Server {
	t.Helper()
	var servers []*Server
	for _, program := range filepath.SplitList(os.Getenv("MILLRACE_TEST_REDIS_SERVERS")) {
		server, err := breakable.StartProgram(program, t.TempDir())
		if err != nil {
			t.Fatalf("MILLRACE_TEST_REDIS_SERVERS: %v", err)
		}
		s := &Server{t: t, server: server}
		t.Cleanup(s.Kill)
		servers = append(servers, s)
	}
	return servers
}

// Version is the name and version that the server gives itself, such as "redis 7.0.15" or "valkey 9.0.0".
func (s *Server) Version() string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sections, err := s.Client().InfoMap(ctx, "server").Result()
	s.must(err)
	facts := sections["Server"]
	if version, isValkey := facts["valkey_version"]; isValkey {
		return "valkey " + version
	}
	return "redis " + facts["redis_version"]
}

// StartEmbedded starts the embedded server of the program, with its guards, and returns its address in the form that
// MILLRACE_REDIS_URL takes. It runs no other Lua scripts than scripts, and is closed when the test ends.
func StartEmbedded(t testing.TB, scripts []string) string {
	t.Helper()
	server, err := embedded.Start(embedded.Options{Addr: "127.0.0.1:0", Scripts: scripts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.URL()
}
