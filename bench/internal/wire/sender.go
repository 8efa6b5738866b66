package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/millrace/millrace/bench/internal/order"
)

// Append appends the command that stores event.
type Append func(to []byte, event order.Event) []byte

// Sender stores events over one connection and never waits for a reply before it sends more. Each command must have one
// reply that is a text or a status. Send is for one goroutine.
type Sender struct {
	connection net.Conn
	command    Append
	buffer     []byte
	sent       atomic.Int64
	replies    chan error
}

// NewSender connects to the Redis URL address.
func NewSender(ctx context.Context, address string, command Append) (*Sender, error) {
	connection, err := Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &Sender{connection: connection, command: command, replies: make(chan error, 1)}
	go func() { s.replies <- s.readReplies() }()
	return s, nil
}

// Send writes the commands for events in one go.
func (s *Sender) Send(events []order.Event) error {
	s.buffer = s.buffer[:0]
	for _, event := range events {
		s.buffer = s.command(s.buffer, event)
	}
	s.sent.Add(int64(len(events)))
	if _, err := s.connection.Write(s.buffer); err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	return nil
}

// Close waits until everything that was sent is answered. The last command asks for an answer of another kind, by which
// the end is known.
func (s *Sender) Close() error {
	defer s.connection.Close()
	if _, err := s.connection.Write(AppendCommand(nil, "DBSIZE")); err != nil {
		return errors.Join(fmt.Errorf("send events: %w", err), <-s.replies)
	}
	return <-s.replies
}

// readReplies reads until the answer to DBSIZE and counts what was stored.
func (s *Sender) readReplies() error {
	stored, refused := int64(0), ""
	lines := bufio.NewReaderSize(s.connection, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read the answers to events: %w", err)
		}
		switch line[0] {
		case '$', '+':
			stored++
		case '-':
			refused = string(line)
		case ':':
			if sent := s.sent.Load(); stored != sent {
				return fmt.Errorf("redis-server stored %d of %d events: %s", stored, sent, refused)
			}
			return nil
		}
	}
}
