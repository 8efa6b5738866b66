package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

const (
	// chunkEvents and chunkBytes bound what one script adds: nothing else runs in Redis meanwhile.
	chunkEvents = 100
	chunkBytes  = 1 << 20
)

// PublishBatch adds events in their order and returns where each of them stands. It costs about one and a half times the
// entries alone, where Publish costs a script, a marker and a round trip for every event.
//
// It may be repeated: for 10 minutes the same events in the same order, each with an ID of its own, yield the first
// entries, with Repeated set. An event is recognised as a part of its batch alone: published by Publish or in another
// batch it is added again, and handlers tell it by its ID. An event without an ID gets a random one, as in Publish, so
// that nothing but this call's own tries can find it, and what is in the same chunk.
//
// A faulty event keeps all of them from being sent; the error names every fault and its place. It blocks for as long as
// Redis takes: a batch goes out in chunks of up to 100 events or 1 MiB, one after the other, each with the tries of
// Publish and with the Wait of options. Where a chunk fails, the error comes with the first of events, which are in the
// stream. Those of the failed chunk may be there too, and none behind it. Then publish the same batch again, or the rest
// of it, events[len(published):]: either finds what is there and adds what is missing.
func (c *Client) PublishBatch(ctx context.Context, events []Event, options PublishOptions) ([]Published, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("publish a batch: %w", err)
	}
	ready, err := prepareAll(events, options)
	if err != nil {
		return nil, fmt.Errorf("publish a batch: %w", err)
	}
	published := make([]Published, 0, len(events))
	for len(published) < len(events) {
		from := len(published)
		next := cutChunk(ready[from:])
		added, err := patiently(ctx, func() ([]Published, error) { return c.publishChunk(ctx, next, options) })
		published = append(published, added...)
		if err != nil {
			return published, fmt.Errorf("publish events[%d:%d] of %d: %w", from, from+len(next.events), len(events), err)
		}
	}
	return published, nil
}

// prepareAll returns an error that names what is wrong with any of events.
func prepareAll(events []Event, options PublishOptions) ([]prepared, error) {
	ready := make([]prepared, len(events))
	var faults []error
	for i, event := range events {
		var err error
		if ready[i], err = prepare(&event, options); err != nil {
			faults = append(faults, fmt.Errorf("events[%d]: %w", i, err))
		}
	}
	return ready, errors.Join(faults...)
}

// chunk is what one script adds.
type chunk struct {
	events []prepared
	digest string
}

// cutChunk cuts a chunk off the front of events, at least one. The same events are always cut in the same places, also
// where only their trace contexts differ. The digest is that of their contents, one behind the other: each begins with the
// event's name, which no header can pass for, so no two chunks are the same bytes.
func cutChunk(events []prepared) chunk {
	hash := sha256.New()
	var content []byte
	count, size := 0, 0
	for _, event := range events[:min(len(events), chunkEvents)] {
		content = appendContent(content[:0], event.fields)
		if size += len(content); count > 0 && size > chunkBytes {
			break
		}
		hash.Write(content)
		count++
	}
	return chunk{events: events[:count], digest: hex.EncodeToString(hash.Sum(nil))}
}

func (c *Client) publishChunk(ctx context.Context, events chunk, options PublishOptions) ([]Published, error) {
	keys := []string{c.keys.Stream(), c.keys.PublishedBatch(events.digest)}
	answer, replicas, err := c.runPublish(ctx, c.scripts.publishBatch, keys, events.args(), options)
	if err != nil {
		return nil, err
	}
	published, err := events.read(answer)
	if err != nil {
		return nil, err
	}
	return published, enoughReplicas(replicas, options)
}

// args are those of the script. Names and values go by pointer, since a string would be copied to the heap to be an any.
func (c chunk) args() []any {
	length := 1
	for _, event := range c.events {
		length += 1 + 2*len(event.fields)
	}
	args := append(make([]any, 0, length), publishedFor.Milliseconds())
	for _, event := range c.events {
		args = append(args, 2*len(event.fields))
		for i := range event.fields {
			args = append(args, &event.fields[i].Name, &event.fields[i].Value)
		}
	}
	return args
}

// read reads what the script returns: how many events a marker told of, and the runs of IDs of all.
func (c chunk) read(answer []any) ([]Published, error) {
	if len(answer)%2 == 0 {
		return nil, errUnexpectedReply
	}
	known := replyNumber(answer[0])
	if slices.ContainsFunc(c.events, func(event prepared) bool { return event.ownID }) {
		known = 0 // then nobody but this call's own earlier try can have left the marker
	}
	published := make([]Published, 0, len(c.events))
	for run := range slices.Chunk(answer[1:], 2) {
		id, err := ParseID(replyText(run[0]))
		count := replyNumber(run[1])
		if err != nil || count > len(c.events)-len(published) {
			return nil, errUnexpectedReply
		}
		for range count {
			published = append(published, Published{ID: id, Repeated: len(published) < known})
			id = id.Next()
		}
	}
	if len(published) < len(c.events) {
		return nil, errUnexpectedReply
	}
	return published, nil
}
