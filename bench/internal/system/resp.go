package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/wire"
)

// replyBytes is the buffer for one reply of readAtOnce entries of 250 bytes.
const replyBytes = 512 << 10

// RESP is the ceiling: for each group one socket, one buffer that is used again, replies parsed where they lie and no
// allocation at all. Nobody would want to maintain it.
type RESP struct{}

// Name is what the tables call it.
func (RESP) Name() string { return "resp" }

// Prepare creates the groups.
func (RESP) Prepare(ctx context.Context, target Target) error { return createGroups(ctx, target) }

// Publish writes batch XADDs at once and reads their replies.
func (RESP) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	connection, err := wire.Dial(ctx, target.URL)
	if err != nil {
		return err
	}
	defer connection.Close()
	publisher := respPublisher{connection: connection, reader: wire.NewReader(connection, 64<<10)}
	for event := range events {
		publisher.commands = wire.AppendXADD(publisher.commands, target.Stream, event)
		if publisher.waiting++; publisher.waiting >= batch {
			if err := publisher.flush(); err != nil {
				return err
			}
		}
	}
	return publisher.flush()
}

// respPublisher gathers commands for one write.
type respPublisher struct {
	connection net.Conn
	reader     *wire.Reader
	commands   []byte
	waiting    int
}

func (p *respPublisher) flush() error {
	if _, err := p.connection.Write(p.commands); err != nil {
		return fmt.Errorf("add events: %w", err)
	}
	p.reader.Reuse()
	for ; p.waiting > 0; p.waiting-- {
		if _, err := p.reader.Bulk(); err != nil {
			return fmt.Errorf("add events: %w", err)
		}
	}
	p.commands = p.commands[:0]
	return nil
}

// Consume runs one loop for each group, with worker goroutines behind it where target asks for concurrency.
func (RESP) Consume(ctx context.Context, target Target, handle Handle) error {
	loops, ctx := errgroup.WithContext(ctx)
	for group := range target.Groups {
		loops.Go(func() error {
			loop, err := newRESPLoop(ctx, target, group, handle)
			if err != nil {
				return err
			}
			defer loop.connection.Close()
			if target.Concurrency > 0 {
				return loop.runWorkers(ctx)
			}
			return loop.runInline(ctx)
		})
	}
	return loops.Wait()
}

// respLoop reads for one group.
type respLoop struct {
	connection net.Conn
	reader     *wire.Reader
	target     Target
	group      int
	handle     Handle
	request    []byte // the read, always the same
	output     []byte

	mu   sync.Mutex
	done []byte // the IDs to ack with the next read, as words of the command
	dues int    // how many they are
}

func newRESPLoop(ctx context.Context, target Target, group int, handle Handle) (*respLoop, error) {
	connection, err := wire.Dial(ctx, target.URL)
	if err != nil {
		return nil, err
	}
	count := cmp.Or(target.ReadAtOnce, readAtOnce)
	if target.Concurrency > 0 {
		count = target.Concurrency
	}
	return &respLoop{
		connection: connection, reader: wire.NewReader(connection, replyBytes), target: target, group: group, handle: handle,
		request: wire.AppendCommand(nil, "XREADGROUP", "GROUP", target.Groups[group], "consumer-"+strconv.Itoa(os.Getpid()),
			"COUNT", strconv.Itoa(count), "BLOCK", strconv.Itoa(int(readBlock.Milliseconds())),
			"STREAMS", target.Stream, ">"),
	}, nil
}

// runInline handles each entry where it lies.
func (l *respLoop) runInline(ctx context.Context) error {
	for ctx.Err() == nil {
		l.reader.Reuse()
		if err := l.read(l.work); err != nil {
			return err
		}
	}
	return l.ack()
}

// runWorkers hands what was read to as many workers as may handle at once, and reads ahead as much again. Each reply
// has a buffer of its own, since workers hold it while the next one comes.
func (l *respLoop) runWorkers(ctx context.Context) error {
	queue := make(chan respEntry, l.target.Concurrency)
	workers, ctx := errgroup.WithContext(ctx)
	for range l.target.Concurrency {
		workers.Go(func() error { return l.drain(queue) })
	}
	var err error
	for ctx.Err() == nil && err == nil {
		l.reader.Renew(l.target.Concurrency * 512)
		err = l.read(func(entry respEntry) error {
			queue <- entry
			return nil
		})
	}
	close(queue)
	return errors.Join(err, workers.Wait(), l.ack())
}

func (l *respLoop) drain(queue <-chan respEntry) error {
	var failed error
	for entry := range queue {
		if failed == nil { // otherwise the reader must not be left standing
			failed = l.work(entry)
		}
	}
	return failed
}

// work handles one entry and notes its ID.
func (l *respLoop) work(entry respEntry) error {
	if err := l.handle(l.group, entry.event); err != nil {
		return err
	}
	l.mu.Lock()
	l.done = wire.AppendWord(l.done, entry.id)
	l.dues++
	l.mu.Unlock()
	return nil
}

// respEntry is one entry, in the memory of the reply.
type respEntry struct {
	id    string
	event order.Event
}

// read acks what is done, reads, and hands on each entry while the rest of the reply still comes.
func (l *respLoop) read(hand func(respEntry) error) error {
	acks := l.takeAcks()
	l.output = append(l.output, l.request...)
	if _, err := l.connection.Write(l.output); err != nil {
		return fmt.Errorf("write to redis-server: %w", err)
	}
	if acks {
		if _, err := l.reader.Integer(); err != nil {
			return err
		}
	}
	streams, err := l.reader.Array()
	if err != nil || streams < 0 {
		return err
	}
	return l.readEntries(hand)
}

// takeAcks begins the output with the XACK of what is done, and tells whether there is any.
func (l *respLoop) takeAcks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.output = l.output[:0]
	if l.dues == 0 {
		return false
	}
	l.output = wire.AppendArray(l.output, 3+l.dues)
	l.output = wire.AppendWord(l.output, "XACK")
	l.output = wire.AppendWord(l.output, l.target.Stream)
	l.output = wire.AppendWord(l.output, l.target.Groups[l.group])
	l.output = append(l.output, l.done...)
	l.done, l.dues = l.done[:0], 0
	return true
}

func (l *respLoop) ack() error {
	if !l.takeAcks() {
		return nil
	}
	if _, err := l.connection.Write(l.output); err != nil {
		return fmt.Errorf("write to redis-server: %w", err)
	}
	_, err := l.reader.Integer()
	return err
}

// readEntries reads the one stream of a reply: its name and its entries.
func (l *respLoop) readEntries(hand func(respEntry) error) error {
	_, err := l.reader.Array()
	_, nameErr := l.reader.Bulk()
	entries, entriesErr := l.reader.Array()
	if err := errors.Join(err, nameErr, entriesErr); err != nil {
		return err
	}
	for range entries {
		entry, err := l.readEntry()
		if err != nil {
			return err
		}
		if err := hand(entry); err != nil {
			return err
		}
	}
	return nil
}

// readEntry reads an ID and the fields behind it.
func (l *respLoop) readEntry() (respEntry, error) {
	var entry respEntry
	if _, err := l.reader.Array(); err != nil {
		return entry, err
	}
	id, err := l.reader.Bulk()
	if err != nil {
		return entry, err
	}
	entry.id = order.Alias(id)
	texts, err := l.reader.Array()
	for ; err == nil && texts > 0; texts -= 2 {
		err = l.readField(&entry.event)
	}
	return entry, err
}

func (l *respLoop) readField(event *order.Event) error {
	name, err := l.reader.Bulk()
	if err != nil {
		return err
	}
	value, err := l.reader.Bulk()
	if err != nil {
		return err
	}
	return event.Set(order.Alias(name), order.Alias(value))
}
