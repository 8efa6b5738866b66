package stream

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrDifferentContent is returned for an event whose name and ID were published a short time ago with other content.
var ErrDifferentContent = errors.New("an event of this name and ID was published with other content")

// ErrNotReplicated is returned for an event that is in the stream, but not yet on as many replicas as were asked for.
// Publishing it again with the same ID is safe.
var ErrNotReplicated = errors.New("the event is in the stream, but not on enough replicas: a failover may lose it")

const (
	// publishedFor is how long the same event is recognised; a repeat begins it anew.
	publishedFor = 10 * time.Minute
	// publishTries bounds how often one Publish asks; with the pauses it outlives a restart of Redis or a failover.
	publishTries = 5
	// firstPause is doubled after every try.
	firstPause = 200 * time.Millisecond
	// maxWait leaves the reply of WAIT time to arrive within the client's own limit.
	maxWait = 2 * time.Second
)

// What the publish script says about an event.
const (
	publishedNow   = 0
	publishedSame  = 1
	publishedOther = 2
)

// PublishOptions says what Publish accepts and how sure it makes.
type PublishOptions struct {
	// MaxBytes is the largest sum of names and values that is accepted; 0 means no limit.
	MaxBytes int
	// Wait is how many replicas must have the event before Publish returns; 0 means none. It is the WAIT command.
	Wait int
	// WaitTimeout is how long to wait for them, at most 2 s; 0 means 1 s.
	WaitTimeout time.Duration
}

// Published is where an event stands in the stream.
type Published struct {
	ID ID
	// Repeated says that the event was there already, from an earlier Publish of the same name, ID and content. After a
	// lost reply it may have been this very call's own first try.
	Repeated bool
}

// Publish adds event to the stream and returns the entry's ID. It may be repeated: for 10 minutes the same name and ID
// with the same content yield the first entry, and with other content ErrDifferentContent. An event without an ID gets
// a random one. The trace context is no part of the content, since a repeat travels in a trace of its own.
//
// It blocks for as long as Redis takes. When a reply is lost, or Redis is not ready, it asks again, a few times and until
// ctx ends; an error then means that the event may or may not have been added, and the same ID can be published again.
func (c *Client) Publish(ctx context.Context, event Event, options PublishOptions) (Published, error) {
	ownID := event.ID == ""
	if ownID {
		event.ID = newEventID()
	}
	fields := Encode(event)
	if err := checkPublish(&event, fields, &options); err != nil {
		return Published{}, fmt.Errorf("publish: %w", err)
	}
	published, err := c.publishPatiently(ctx, &event, fields, options)
	if err != nil {
		return published, fmt.Errorf("publish %s with event_id %q: %w", event.Name, event.ID, err)
	}
	published.Repeated = published.Repeated && !ownID
	return published, nil
}

// PublishCommand is the plain Redis command that adds event. Unlike Publish it checks nothing, and adds a second entry
// when it is repeated.
func PublishCommand(keys Keys, event Event) Command { return addCommand(keys, Encode(event)) }

func checkPublish(event *Event, fields []Field, options *PublishOptions) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	if size := (Entry{Fields: fields}).Size(); options.MaxBytes > 0 && size > options.MaxBytes {
		return fmt.Errorf("event %s of %d bytes: at most %d are accepted; send a reference to the bulk of it",
			event.Name, size, options.MaxBytes)
	}
	options.WaitTimeout = cmp.Or(options.WaitTimeout, time.Second)
	if options.Wait < 0 || options.WaitTimeout < time.Millisecond || options.WaitTimeout > maxWait {
		return fmt.Errorf("options Wait %d and WaitTimeout %v: expected 0 or more replicas, and 1ms to %v",
			options.Wait, options.WaitTimeout, maxWait)
	}
	return nil
}

// publishPatiently asks until the answer is certain, the tries are used up or ctx ends.
func (c *Client) publishPatiently(
	ctx context.Context, event *Event, fields []Field, options PublishOptions,
) (Published, error) {
	pause := firstPause
	for try := 1; ; try++ {
		published, err := c.publishOnce(ctx, event, fields, options)
		if err == nil || try == publishTries || !isPassing(err) {
			return published, explain(err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return published, explain(err)
		case <-timer.C:
		}
		pause *= 2
	}
}

func (c *Client) publishOnce(
	ctx context.Context, event *Event, fields []Field, options PublishOptions,
) (Published, error) {
	keys := []string{c.keys.Stream(), c.keys.Published(event.Name, event.ID)}
	args := []any{digest(fields), publishedFor.Milliseconds()}
	for _, field := range fields {
		args = append(args, field.Name, field.Value)
	}
	if options.Wait == 0 {
		return readPublished(c.run(ctx, c.scripts.publish, keys, args...))
	}
	reply, replicas, err := c.runAndWait(ctx, c.scripts.publish, keys, args, options)
	if err != nil {
		return Published{}, err
	}
	published, err := readPublished(reply)
	if err == nil && replicas < options.Wait {
		err = fmt.Errorf("%w (%d of %d within %v)", ErrNotReplicated, replicas, options.Wait, options.WaitTimeout)
	}
	return published, err
}

// readPublished reads what the publish script returns.
func readPublished(reply *redis.Cmd) (Published, error) {
	answer, err := reply.Slice()
	if err != nil {
		return Published{}, err
	}
	if len(answer) != 2 {
		return Published{}, fmt.Errorf("the publish script returned %d values instead of 2", len(answer))
	}
	text, _ := answer[0].(string)
	state, _ := answer[1].(int64)
	id, err := ParseID(text)
	if err != nil {
		return Published{}, fmt.Errorf("read the published marker: %w", err)
	}
	if state == publishedOther {
		return Published{ID: id}, fmt.Errorf("%w (entry %s)", ErrDifferentContent, id)
	}
	return Published{ID: id, Repeated: state == publishedSame}, nil
}

// digest names the content of an event: SHA-256 over every name and value with its length before it, so that no two
// contents are the same bytes.
func digest(fields []Field) string {
	var buffer []byte
	for _, field := range fields {
		if field.Name == "traceparent" {
			continue
		}
		for _, part := range []string{field.Name, field.Value} {
			buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(part)))
			buffer = append(buffer, part...)
		}
	}
	sum := sha256.Sum256(buffer)
	return hex.EncodeToString(sum[:])
}

// newEventID is a random UUID that sorts by time (RFC 9562, UUID version 7).
func newEventID() string {
	var id [16]byte
	crand.Read(id[:]) // never fails (crypto/rand)
	now := uint64(time.Now().UnixMilli())
	for i := range 6 {
		id[i] = byte(now >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
