package breakable

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy stands between a client and a server and breaks the network on request. Its methods may be called from any
// goroutine.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pairs   map[*pair]struct{}
	passage chan struct{} // closed while traffic may pass
	drops   int           // replies still to swallow
	delay   time.Duration
}

// pair is one client's connection and, once it is dialled, the one to the target on its behalf.
type pair struct {
	client net.Conn
	target net.Conn
	done   chan struct{}
}

// StartProxy listens on a loopback port and passes everything on to target, a host and port. Whoever starts one ends it
// with Close.
func StartProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, pairs: map[*pair]struct{}{}, passage: make(chan struct{})}
	close(p.passage)
	p.running.Go(p.accept)
	return p, nil
}

// Addr is the proxy's host and port, to be used in the place of the target's.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the proxy's address in the form that MILLRACE_REDIS_URL takes.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Blackhole lets nothing through any more, in either direction: connections are accepted and stay open and silent, and
// the end of one is not passed on either. What is sent meanwhile arrives after Heal, as it does when TCP retransmits.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passage:
		p.passage = make(chan struct{})
	default:
	}
}

// Heal undoes Blackhole, Delay and DropReplies.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops, p.delay = 0, 0
	select {
	case <-p.passage:
	default:
		close(p.passage)
	}
}

// Reset breaks all connections that are open now with a RST, which a client reads as "connection reset by peer". New
// ones are served.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		if connection, isTCP := pair.client.(*net.TCPConn); isTCP {
			_ = connection.SetLinger(0)
		}
		p.drop(pair)
	}
}

// DropReplies swallows the next n replies, on whichever connections they come, and closes the connection of each: the
// target has done what it was asked, and the client cannot know. A reply to the greeting of a new connection counts.
func (p *Proxy) DropReplies(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = n
}

// Delay holds back everything that the target sends by d, one read (up to 32 KiB) after the other; 0 ends it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

func (p *Proxy) accept() {
	for {
		connection, err := p.listener.Accept()
		if err != nil {
			return // closed by Close
		}
		pair := &pair{client: connection, done: make(chan struct{})}
		if p.add(pair) {
			p.running.Go(func() { p.serve(pair) })
		}
	}
}

func (p *Proxy) add(pair *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = pair.client.Close()
		return false
	}
	p.pairs[pair] = struct{}{}
	return true
}

// serve dials the target for pair and passes requests on until either side ends.
func (p *Proxy) serve(pair *pair) {
	defer p.end(pair)
	if !p.pass(pair) {
		return
	}
	target, err := net.DialTimeout("tcp", p.target, time.Second) //nolint:noctx // bounded by its own timeout
	if err != nil || !p.attach(pair, target) {
		return
	}
	p.running.Go(func() { p.copyReplies(pair) })
	p.copyRequests(pair)
}

// attach gives the target's connection to pair, or closes it where the pair has ended meanwhile.
func (p *Proxy) attach(pair *pair, target net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, isOpen := p.pairs[pair]; !isOpen {
		_ = target.Close()
		return false
	}
	pair.target = target
	return true
}

func (p *Proxy) copyRequests(pair *pair) {
	defer p.end(pair)
	buffer := make([]byte, 32<<10)
	for {
		n, err := pair.client.Read(buffer)
		if !p.pass(pair) {
			return
		}
		if _, writeErr := pair.target.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

func (p *Proxy) copyReplies(pair *pair) {
	defer p.end(pair)
	buffer := make([]byte, 32<<10)
	for {
		n, err := pair.target.Read(buffer)
		if !p.pass(pair) || !p.holdBack(pair) || n > 0 && p.swallows() {
			return
		}
		if _, writeErr := pair.client.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// pass waits while nothing may pass, and tells whether the pair is still open.
func (p *Proxy) pass(pair *pair) bool {
	p.mu.Lock()
	passage := p.passage
	p.mu.Unlock()
	select {
	case <-passage:
		return true
	case <-pair.done:
		return false
	}
}

// holdBack waits out the delay, and tells whether the pair is still open.
func (p *Proxy) holdBack(pair *pair) bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay <= 0 {
		return true
	}
	select {
	case <-time.After(delay):
		return true
	case <-pair.done:
		return false
	}
}

func (p *Proxy) swallows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drops == 0 {
		return false
	}
	p.drops--
	return true
}

func (p *Proxy) end(pair *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(pair)
}

// drop closes both connections of pair; the caller holds the lock.
func (p *Proxy) drop(pair *pair) {
	if _, isOpen := p.pairs[pair]; !isOpen {
		return
	}
	delete(p.pairs, pair)
	close(pair.done)
	_ = pair.client.Close()
	if pair.target != nil {
		_ = pair.target.Close()
	}
}

// Close closes all connections and waits for all of the goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for pair := range p.pairs {
		p.drop(pair)
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.running.Wait()
}
