package redistest

import (
	"testing"

	"github.com/millrace/millrace/internal/breakable"
)

// Proxy stands between a client and a server and breaks the network on request.
type Proxy = breakable.Proxy

// StartProxy starts a proxy that passes everything on to target, a host and port, and breaks the network on request. It
// is closed when the test ends, with all of its connections.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	proxy, err := breakable.StartProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return proxy
}
