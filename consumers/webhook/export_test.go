package webhook

import (
	"context"
	"net"
)

// Dial dials as a handler does.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return newTransport(ctx, nil, 1).DialContext(ctx, network, address)
}

// Refuse is what is asked before each connection.
var Refuse = refuse
