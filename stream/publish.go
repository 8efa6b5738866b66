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
)

// ErrDifferentContent is returned for an event whose name and ID were published a short time ago with other content.
var ErrDifferentContent = errors.New("an event of this name and ID was published with other content")

// ErrNotReplicated is returned for an event that is in the stream, but not yet on as many replicas as were asked for.
// Publishing it again, with the same ID or in the same batch, is safe.
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

// PublishOptions says what Publish and PublishBatch accept and how sure they make.
type PublishOptions struct {
	// MaxBytes is the largest sum of names and values that is accepted of one event; 0 means no limit.
	MaxBytes int
	// Wait is how many replicas must have the event before the call returns; 0 means none. It is the WAIT command.
	Wait int
	// WaitTimeout is how long to wait for them, at most 2 s; 0 means 1 s.
	WaitTimeout time.Duration
}

// Published is where an event stands in the stream.
type Published struct {
	ID ID
	// Repeated says that the event was there already, from an earlier Publish of the same name, ID and content, or an
	// earlier PublishBatch of the same batch. After a lost reply it may have been this very call's own first try.
	Repeated bool
}

// Publish adds event to the stream and returns the entry's ID. It may be repeated: for 10 minutes the same name and ID
// with the same content yield the first entry, and with other content ErrDifferentContent. An event without an ID gets
// a random one. The trace context is no part of the content, since a repeat travels in a trace of its own.
//
// It blocks for as long as Redis takes. When a reply is lost, or Redis is not ready, it asks again, a few times and until
// ctx ends; an error then means that the event may or may not have been added, and the same ID can be published again.
func (c *Client) Publish(ctx context.Context, event Event, options PublishOptions) (Published, error) {
	options, err := options.withDefaults()
	if err != nil {
		return Published{}, fmt.Errorf("publish: %w", err)
	}
	ready, err := prepare(&event, options)
	if err != nil {
		return Published{}, fmt.Errorf("publish: %w", err)
	}
	published, err := patiently(ctx, func() (Published, error) {
		return c.publishOnce(ctx, &event, ready.fields, options)
	})
	if err != nil {
		return published, fmt.Errorf("publish %s with event_id %q: %w", event.Name, event.ID, err)
	}
	published.Repeated = published.Repeated && !ready.ownID
	return published, nil
}

// PublishCommand is the plain Redis command that adds event. Unlike Publish it checks nothing, and adds a second entry
// when it is repeated.
func PublishCommand(keys Keys, event Event) Command { return addCommand(keys, Encode(event)) }

func (o PublishOptions) withDefaults() (PublishOptions, error) {
	o.WaitTimeout = cmp.Or(o.WaitTimeout, time.Second)
	if o.Wait < 0 || o.WaitTimeout < time.Millisecond || o.WaitTimeout > maxWait {
		return o, fmt.Errorf("options Wait %d and WaitTimeout %v: expected 0 or more replicas, and 1ms to %v",
			o.Wait, o.WaitTimeout, maxWait)
	}
	return o, nil
}

// prepared is an event as it is sent.
type prepared struct {
	fields []Field
	ownID  bool // its ID was made up here, so it cannot have been published earlier
}

// prepare gives event an ID where it has none, encodes it, and returns an error that names what is wrong with it.
func prepare(event *Event, options PublishOptions) (prepared, error) {
	ownID := event.ID == ""
	if ownID {
		event.ID = newEventID()
	}
	ready := prepared{fields: Encode(*event), ownID: ownID}
	if err := checkEvent(event); err != nil {
		return ready, err
	}
	if size := (Entry{Fields: ready.fields}).Size(); options.MaxBytes > 0 && size > options.MaxBytes {
		return ready, fmt.Errorf("event %s of %d bytes: at most %d are accepted; send a reference to the bulk of it",
			event.Name, size, options.MaxBytes)
	}
	return ready, nil
}

// patiently asks until the answer is certain, the tries are used up or ctx ends.
func patiently[Answer any](ctx context.Context, ask func() (Answer, error)) (Answer, error) {
	pause := firstPause
	for try := 1; ; try++ {
		answer, err := ask()
		if err == nil {
			return answer, nil
		}
		if try == publishTries || !isPassing(err) {
			return answer, explain(err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return answer, explain(err)
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
	answer, replicas, err := c.runPublish(ctx, c.scripts.publish, keys, args, options)
	if err != nil {
		return Published{}, err
	}
	published, err := readPublished(answer)
	if err != nil {
		return published, err
	}
	return published, enoughReplicas(replicas, options)
}

// runPublish runs a script that publishes, and counts the replicas that have what it wrote where options ask for any.
func (c *Client) runPublish(
	ctx context.Context, program script, keys []string, args []any, options PublishOptions,
) (answer []any, replicas int, err error) {
	if options.Wait == 0 {
		answer, err = c.run(ctx, program, keys, args...).Slice()
		return answer, 0, err
	}
	reply, replicas, err := c.runAndWait(ctx, program, keys, args, options)
	if err != nil {
		return nil, 0, err
	}
	answer, err = reply.Slice()
	return answer, replicas, err
}

func enoughReplicas(replicas int, options PublishOptions) error {
	if replicas < options.Wait {
		return fmt.Errorf("%w (%d of %d within %v)", ErrNotReplicated, replicas, options.Wait, options.WaitTimeout)
	}
	return nil
}

// readPublished reads what the publish script returns.
func readPublished(answer []any) (Published, error) {
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

// digest names the content of an event.
func digest(fields []Field) string {
	sum := sha256.Sum256(appendContent(nil, fields))
	return hex.EncodeToString(sum[:])
}

// appendContent appends every name and value with its length before it, so that no two contents are the same bytes. The
// trace context is no part of them.
func appendContent(buffer []byte, fields []Field) []byte {
	for _, field := range fields {
		if field.Name == "traceparent" {
			continue
		}
		for _, part := range [...]string{field.Name, field.Value} {
			buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(part)))
			buffer = append(buffer, part...)
		}
	}
	return buffer
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
