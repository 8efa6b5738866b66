package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	dialTimeout        = 10 * time.Second // and as long again for TLS; the handler's timeout bounds both together
	idleTimeout        = time.Minute
	maxHeaderBytes     = 64 << 10
	keepAliveIdle      = 15 * time.Second
	keepAliveRemaining = 3
)

// newTransport returns what keeps the connections, at most as many as handlings run at once. They end with closing. It knows no
// proxy, and speaks HTTP/1.1 alone: one connection for each handling that runs is all there is to share.
func newTransport(closing context.Context, tlsConfig *tls.Config, concurrency int) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout, ControlContext: refuse,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveIdle, Count: keepAliveRemaining,
		},
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, closing, dialer, network, address)
		},
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // a small answer might otherwise grow without bounds
		MaxConnsPerHost:        concurrency,
		MaxIdleConnsPerHost:    concurrency,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// connection is one that ends with the handler.
type connection struct {
	net.Conn
	forget func() bool
}

// Close ends the connection.
func (c *connection) Close() error {
	c.forget()
	return c.Conn.Close()
}

// dial opens a connection that is closed when closing ends. The transport goes on dialling for a while when the request that
// asked for it has ended; closing ends that as well.
func dial(ctx, closing context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(closing, cancel)()
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, forget: context.AfterFunc(closing, func() { conn.Close() })}, nil
}

// refuse is asked before each connection, when the name has been resolved.
func refuse(_ context.Context, _, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address %q: %w", address, err)
	}
	return checkAddress(parsed.Addr())
}

// metadata are the addresses outside the link-local ranges at which clouds tell a machine its secrets: Amazon's, Google's,
// Alibaba's and Azure's.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::254/128"),
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
}

// translated holds an IPv4 address in its last four bytes (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

// checkAddress refuses the addresses at which no receiver is, and a machine's secrets may be.
func checkAddress(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	if translated.Contains(address) {
		bytes := address.As16()
		address = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	refused := address.IsLinkLocalUnicast() || address.IsMulticast()
	for _, prefix := range metadata {
		refused = refused || prefix.Contains(address)
	}
	if refused {
		return fmt.Errorf("%s is refused: nothing is sent to link-local addresses and metadata services", address)
	}
	return nil
}
