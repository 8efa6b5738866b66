package fastcgi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// idleTimeout is short: an open connection keeps a process of the server from everybody else.
	idleTimeout = time.Second
	// lastWrite is how long the rest of a request may take to be sent when its answer has come.
	lastWrite = 100 * time.Millisecond
)

var errClosed = errors.New("the handler is closed")

// pool keeps connections for those who come next. There are as many as there are at once who have taken one.
type pool struct {
	network, address string

	mu     sync.Mutex
	closed bool
	all    map[*connection]bool
	idle   []*connection // the one that was used last is taken first, so that the others can be closed
}

// connection carries one request after another. It is in the hands of one who took it, or idle.
type connection struct {
	net.Conn
	limited *io.LimitedReader // bounds what comes back for one request
	reader  *bufio.Reader
	expiry  *time.Timer
}

func newPool(network, address string) *pool {
	return &pool{network: network, address: address, all: map[*connection]bool{}}
}

// takeIdle returns an idle connection, or nil.
func (p *pool) takeIdle() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	conn := p.idle[last]
	p.idle = p.idle[:last]
	conn.expiry.Stop()
	return conn
}

// dial returns a new connection.
func (p *pool) dial(ctx context.Context) (*connection, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	dialled, err := dialer.DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: dialled}
	conn := &connection{Conn: dialled, limited: limited, reader: bufio.NewReader(limited)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		dialled.Close()
		return nil, errClosed
	}
	p.all[conn] = true
	return conn, nil
}

// put gives a connection back that can carry another request.
func (p *pool) put(conn *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return // and so is the connection
	}
	p.idle = append(p.idle, conn)
	conn.expiry = time.AfterFunc(idleTimeout, func() { p.expire(conn) })
}

// expire closes a connection that nobody has taken for a while.
func (p *pool) expire(conn *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.idle, conn); at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
		p.end(conn)
	}
}

// drop ends a connection that cannot be used any more.
func (p *pool) drop(conn *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(conn)
}

// end closes a connection; the caller holds the lock.
func (p *pool) end(conn *connection) {
	delete(p.all, conn)
	conn.Close()
}

// close ends every connection, also those that are in somebody's hands.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, conn := range p.idle {
		conn.expiry.Stop()
	}
	for conn := range p.all {
		p.end(conn)
	}
	p.idle = nil
}

// exchange sends a request over the connection and reads the answer. reusable tells whether another request may follow; answered
// that something has come back. Writing goes on while the answer is read, since a script may print before it reads.
func (c *connection) exchange(ctx context.Context, request []byte) (got answer, answered, reusable bool, err error) {
	_ = c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	c.limited.N = maxAnswerBytes
	written := make(chan error, 1)
	go func() {
		_, err := c.Write(request)
		written <- err
	}()
	got, err = read(c.reader)
	answered = c.limited.N < maxAnswerBytes
	if err != nil && c.limited.N <= 0 {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswerBytes)
	}
	_ = c.SetWriteDeadline(time.Now().Add(lastWrite)) // who has answered may not read what is left
	writeErr, undisturbed := <-written, stop()
	reusable = got.whole && writeErr == nil && undisturbed && c.reader.Buffered() == 0
	return got, answered, reusable, err
}
