package stream

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Read hands new entries to the consumer, at most count of them (XREADGROUP). It waits for the first one up to block,
// which is capped at MaxBlock; zero or less does not wait. No entry is no error.
//
// An end of ctx is seen before the read is sent and not during it: cutting a blocked read short would lose what the
// server has just handed over. After an error that may have happened as well, and Adopt takes it up.
func (g *Group) Read(ctx context.Context, count int, block time.Duration) ([]Delivery, error) {
	words := make([]any, 0, 11)
	words = append(words, "XREADGROUP", "GROUP", g.name, g.consumer, "COUNT", count)
	if block >= time.Millisecond {
		words = append(words, "BLOCK", min(block, MaxBlock).Milliseconds())
	}
	words = append(words, "STREAMS", g.client.keys.Stream(), ">")
	sent := time.Now()
	deliveries, err := g.read(ctx, words, sent.Add(g.lease))
	if err != nil {
		return nil, g.failed("read", err)
	}
	return deliveries, nil
}

// read reads the reply in place. A Redis Cluster's client cannot do that: it has to see a redirection as an error.
func (g *Group) read(ctx context.Context, words []any, leaseEnds time.Time) ([]Delivery, error) {
	server, isSingle := g.client.read.(*redis.Client)
	if !isSingle {
		reply, err := g.client.readBlocked(ctx, len(words)-2, words...).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return parseRead(reply, leaseEnds)
	}
	reply, err := readFrame(ctx, server, int(g.replyBytes.Load()), words...)
	if err != nil || reply.isNil() {
		return nil, err
	}
	g.replyBytes.Store(int64(len(reply.bytes)))
	return reply.deliveries(leaseEnds)
}

// isNil tells whether the reply is nil: there is no entry.
func (f *frame) isNil() bool {
	return string(f.bytes) == "*-1\r\n" || string(f.bytes) == "$-1\r\n"
}

// deliveries reads the reply of XREADGROUP for one stream, [[stream, [[ID, [name, value...]]...]]], in place.
func (f *frame) deliveries(leaseEnds time.Time) ([]Delivery, error) {
	reply := cursor{frame: f.bytes}
	if reply.list() != 1 || reply.list() != 2 {
		return nil, errUnexpectedReply
	}
	reply.text() // the stream's name
	count := reply.list()
	if count < 0 {
		return nil, errUnexpectedReply
	}
	deliveries := make([]Delivery, count)
	fields := make([]Field, 0, max(0, f.contents-1-count)/2)
	for index := range deliveries {
		first := len(fields)
		delivery := &deliveries[index]
		delivery.ID, fields = reply.entry(fields)
		delivery.Fields = fields[first:len(fields):len(fields)]
		delivery.shared = true
		delivery.Deliveries, delivery.LeaseEnds = 1, leaseEnds
		if reply.broken {
			return nil, errUnexpectedReply
		}
	}
	return deliveries, nil
}

// cursor reads the elements of a frame one after the other. Once it has met another one than was asked for it is broken,
// and stays so.
type cursor struct {
	frame  []byte
	at     int
	broken bool
}

// entry reads an entry, [ID, [name, value...]], and appends its fields. One whose fields are gone has nil in their place.
func (c *cursor) entry(fields []Field) (ID, []Field) {
	if c.list() != 2 {
		c.broken = true
	}
	id, err := ParseID(c.text())
	if err != nil {
		c.broken = true
	}
	size := c.list()
	if size > 0 && size%2 != 0 {
		c.broken = true
	}
	for ; size > 0 && !c.broken; size -= 2 {
		fields = append(fields, Field{Name: c.text(), Value: c.text()})
	}
	return id, fields
}

// list reads the head of a list and returns how many elements it has, or -1 for nil.
func (c *cursor) list() int {
	return c.next(true).length
}

func (c *cursor) text() string {
	content := c.next(false)
	if content.length <= 0 {
		return ""
	}
	return text(c.frame[content.start : content.start+content.length])
}

func (c *cursor) next(list bool) element {
	head, ok := headAt(c.frame, c.at)
	if !ok || c.broken || head.isList != list || head.end == 0 || head.end > len(c.frame) {
		c.broken = true
		return element{}
	}
	c.at = head.end
	return head
}
