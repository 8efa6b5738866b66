// Package embedded is the Redis in memory that Millrace runs on where no other is configured: enough of Redis to try
// Millrace out with any client on the same machine, and no more. Nothing outlives the process.
//
// It is miniredis behind three guards, since miniredis trusts its clients: connection reads whole, well-formed commands
// and never waits long for a slow client, guard lets only known commands of a known shape through, and its caps bound
// what is held.
package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/zap"
)

// Options configure a Server. The zero value serves the stream `event_stream` on 127.0.0.1:6379.
type Options struct {
	// Addr is the host and port to listen on; port 0 takes a free one. It must be a loopback address. "" means
	// 127.0.0.1:6379.
	Addr string
	// Stream is the stream whose length and pending entries are capped. "" means event_stream.
	Stream string
	// Scripts are the texts of the Lua scripts that clients may run. All others are refused, because a script that
	// does not end would stop the server.
	Scripts []string
	// MaxEntries is how many entries Stream may hold: at that number XADD answers with an error. 0 means 10,000.
	MaxEntries int
	// MaxPending is how many entries each group of Stream may have pending: at that number XREADGROUP of new entries
	// answers with an error. 0 means 1,000.
	MaxPending int
	// Logger says what was refused, at debug level. nil logs nothing.
	Logger *zap.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxEntries < 0 {
		return o, fmt.Errorf("MaxEntries is %d: expected 0 for the default, or more", o.MaxEntries)
	}
	if o.MaxPending < 0 {
		return o, fmt.Errorf("MaxPending is %d: expected 0 for the default, or more", o.MaxPending)
	}
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:6379")
	o.Stream = cmp.Or(o.Stream, "event_stream")
	o.MaxEntries = cmp.Or(o.MaxEntries, 10_000)
	o.MaxPending = cmp.Or(o.MaxPending, 1_000)
	o.Logger = cmp.Or(o.Logger, zap.NewNop())
	return o, nil
}

// Server is a running embedded server. Its methods may be called from any goroutine.
type Server struct {
	listener net.Listener
	memory   *miniredis.Miniredis
	guard    *guard
	stop     chan struct{} // closed by Close
	running  sync.WaitGroup
	closing  sync.Once
}

// Start listens and serves until Close. The error of an address that is taken, or that other machines could reach, says
// what to do about it.
func Start(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start the embedded server: %w", err)
	}
	listener, err := listen(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("start the embedded server: %w", err)
	}
	memory, err := startMemory()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded server: %w", err), listener.Close())
	}
	s := &Server{listener: listener, memory: memory, guard: newGuard(memory, o), stop: make(chan struct{})}
	s.running.Go(s.accept)
	s.running.Go(s.tick)
	return s, nil
}

// startMemory starts a miniredis that listens nowhere: its own Dial is what starts one without a port.
func startMemory() (*miniredis.Miniredis, error) {
	memory := miniredis.NewMiniRedis()
	connection, err := memory.Dial()
	if err != nil {
		return nil, err
	}
	return memory, connection.Close()
}

// Addr is the host and port that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is the server's address in the form that MILLRACE_REDIS_URL takes.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Close ends all connections, forgets everything and returns when nothing of the server runs any more. A second call
// does nothing.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.stop)
		err = s.listener.Close()
		s.running.Wait()
		s.closeMemory()
	})
	return err
}

// closeMemory closes miniredis. A blocked read that is just about to wait can miss that its server ends, so it is woken
// until all have ended: every command wakes those that wait.
func (s *Server) closeMemory() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.memory.Close()
	}()
	for {
		select {
		case <-closed:
			return
		case <-time.After(10 * time.Millisecond):
			s.guard.ask(nil, "PING")
		}
	}
}

func (s *Server) accept() {
	for {
		client, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, say: it may pass
			if !s.pause(100 * time.Millisecond) {
				return
			}
			continue
		}
		s.guard.server.ServeConn(newConnection(client))
	}
}

// pause waits for d and tells whether the server still runs.
func (s *Server) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.stop:
		return false
	}
}

// tick lets keys expire. miniredis can do so by the clock itself, but then every command costs as much as one tick,
// which visits all keys.
func (s *Server) tick() {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case now := <-ticker.C:
			s.memory.FastForward(now.Sub(last))
			last = now
		case <-s.stop:
			return
		}
	}
}
