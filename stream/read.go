package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
)

// Read hands new entries to the consumer, at most count of them (XREADGROUP). It waits for the first one up to block,
// which is capped at MaxBlock; zero or less does not wait. No entry is no error.
//
// An end of ctx is seen before the read is sent and not during it: cutting a blocked read short would lose what the
// server has just handed over. After an error that may have happened as well, and Adopt takes it up.
func (g *Group) Read(ctx context.Context, count int, block time.Duration) ([]Delivery, error) {
	deliveries, _, err := g.Reader().Read(ctx, Room{Entries: count, Bytes: math.MaxInt}, block)
	return deliveries, err
}

// Room is how much a consumer may take in hand: so many entries, and so many bytes of them. One entry is taken whatever
// its size, or a large one would never be.
type Room struct {
	Entries int
	Bytes   int
}

// Without is what is left of the room beside deliveries: nothing, where they are as many bytes as it has.
func (r Room) Without(deliveries []Delivery) Room {
	for _, delivery := range deliveries {
		r.Bytes -= delivery.Size()
	}
	r.Entries -= len(deliveries)
	if len(deliveries) > 0 && r.Bytes <= 0 {
		r.Entries = 0
	}
	return r
}

// Reader reads as Group.Read does, again and again into the same memory. It is for one goroutine at a time.
type Reader struct {
	// MaxEntryBytes leaves out what is long of an entry that is too large for DecodeOptions.MaxBytes of that number, although its
	// Size still counts that; zero leaves out nothing. In a Redis Cluster it has no effect.
	MaxEntryBytes int

	group      *Group
	deliveries []Delivery
	fields     []Field
	chunks     [][]byte
	lasts      bool // the last reply has chunks of its own beside these
}

// fieldsKept is how many fields a Reader keeps room for at most.
const fieldsKept = 8 << 10

// Reader returns a new Reader of the group.
func (g *Group) Reader() *Reader { return &Reader{group: g} }

// Read is Group.Read, but for one thing: the deliveries, their Fields and the texts in those are overwritten by the next
// Read. What was decoded from them stays.
//
// Redis counts entries and not bytes. Those that come beyond the bytes of room are over: they were handed to the consumer,
// but have come without their Fields, and are for the caller to hand back. Where a Redis Cluster answers, they were in memory
// for a moment; every other reply is passed over as it comes.
func (r *Reader) Read(ctx context.Context, room Room, block time.Duration) (deliveries, over []Delivery, err error) {
	if r.lasts { // a blocked read must not keep that in memory
		clear(r.deliveries)
		clear(r.fields)
	}
	g := r.group
	words := make([]any, 0, 11)
	words = append(words, "XREADGROUP", "GROUP", g.name, g.consumer, "COUNT", room.Entries)
	if block >= time.Millisecond {
		words = append(words, "BLOCK", min(block, MaxBlock).Milliseconds())
	}
	words = append(words, "STREAMS", g.client.keys.Stream(), ">")
	deliveries, over, err = r.read(ctx, words, room.Bytes, time.Now().Add(g.lease))
	if err != nil {
		return nil, nil, g.failed("read", err)
	}
	return deliveries, over, nil
}

// read sends an XREADGROUP a single time. A Redis Cluster's client has to see a redirection as an error, and so reads a
// typed reply; every other one has its reply read in place.
func (r *Reader) read(ctx context.Context, words []any, most int, leaseEnds time.Time) (deliveries, over []Delivery, err error) {
	client := r.group.client
	server, isSingle := client.read.(*redis.Client)
	if isSingle {
		return r.readInPlace(ctx, server, words, most, leaseEnds)
	}
	reply, err := client.readBlocked(ctx, len(words)-2, words...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	deliveries, err = parseRead(reply, leaseEnds)
	deliveries, over = split(deliveries, most)
	return deliveries, over, err
}

// split parts from deliveries those beyond so many bytes, and lets go of what they say.
func split(deliveries []Delivery, most int) (fitting, over []Delivery) {
	for i := range deliveries {
		size := deliveries[i].Size()
		if most -= size; most < 0 && i > 0 {
			fitting, over = deliveries[:i], deliveries[i:]
			for i, delivery := range over {
				over[i].Entry = Entry{ID: delivery.ID, unread: delivery.Size()}
			}
			return fitting, over
		}
	}
	return deliveries, nil
}

func (r *Reader) readInPlace(
	ctx context.Context, server *redis.Client, words []any, most int, leaseEnds time.Time,
) (deliveries, over []Delivery, err error) {
	const head = 64 // bytes, more than stand before the stream's name
	reply := &readReply{
		elements: elements{chunk: make([]byte, 0, head), spare: r.chunks}, leaseEnds: leaseEnds,
		deliveries: r.deliveries[:0], fields: r.fields[:0], most: most, largest: r.largest(),
	}
	err = server.Process(ctx, redis.NewRawWriteToCmd(ctx, reply, words...))
	r.deliveries, r.chunks, r.lasts = reply.deliveries, reply.used, reply.lasts
	if r.fields = reply.fields; cap(r.fields) > fieldsKept {
		r.fields = nil // an entry with so many comes once
	}
	switch {
	case errors.Is(err, errReplyRead):
	case err != nil:
		return nil, nil, err
	case reply.isNil():
		*r = Reader{group: r.group, MaxEntryBytes: r.MaxEntryBytes} // an idle group keeps nothing in memory
		return nil, nil, nil
	default:
		reply.parse()
	}
	return reply.deliveries[:reply.kept], reply.deliveries[reply.kept:], reply.err
}

// largest is how many bytes of one entry are kept. Whether it is made of another is not known before all of it was read.
func (r *Reader) largest() int {
	if r.MaxEntryBytes <= 0 {
		return math.MaxInt
	}
	return r.MaxEntryBytes + mostSaid
}

// readReply is the reply to an XREADGROUP of one stream: [[stream, [[ID, [name, value...]]...]]], or nil. It is what a
// redis.RawWriteToCmd writes to, which leaves the connection, its timeouts and its pool to the library, but not the
// reading: that costs the library some 26 allocations an entry where the reply is typed and 11 where it is written.
type readReply struct {
	elements
	leaseEnds  time.Time
	deliveries []Delivery
	fields     []Field // of the last deliveries, all of them where there was room

	most    int  // how many bytes of entries may be kept
	largest int  // how many bytes of one entry may be kept
	kept    int  // how many deliveries were
	full    bool // the rest is left out
}

// errReplyRead ends the library's reading of a reply that ReadFrom has read to its end. Being one of Redis' errors, it
// leaves the connection in the pool.
var errReplyRead = answeredError("the reply was read to its end")

// Write takes what stands before a bulk string. An error frame becomes an error here, where the library still sees it and
// drops a connection to a server that is read-only or has moved.
func (r *readReply) Write(piece []byte) (int, error) {
	if text, isError := bytes.CutPrefix(piece, []byte("-")); isError && len(r.chunk) == 0 {
		return 0, answeredError(string(text))
	}
	r.chunk = append(r.chunk, piece...)
	return len(piece), nil
}

// ReadFrom takes a bulk string. The library limits its reader to it (io.CopyN). Where that is a buffered one, the first
// call takes the whole rest of the reply from behind the limit, which Redis follows by nothing before it is asked again.
// An error of parse makes the library drop the connection: nobody knows where its next reply begins.
func (r *readReply) ReadFrom(text io.Reader) (int64, error) {
	if limited, isLimited := text.(*io.LimitedReader); isLimited {
		if source, isBuffered := limited.R.(*bufio.Reader); isBuffered {
			return 0, r.readRest(source)
		}
	}
	whole := bytes.NewBuffer(r.chunk)
	read, err := whole.ReadFrom(text)
	r.chunk, r.lasts = whole.Bytes(), true
	return read, err
}

func (r *readReply) readRest(source *bufio.Reader) error {
	const least = 512
	r.source = source
	r.begin(r.chunk, len(r.chunk)+max(source.Buffered(), least))
	if r.parse(); r.err != nil {
		return r.err
	}
	return errReplyRead
}

func (r *readReply) isNil() bool {
	return string(r.chunk) == "*-1\r\n" || string(r.chunk) == "$-1\r\n"
}

// parse reads the deliveries.
func (r *readReply) parse() {
	const likely = 1000 // at most so many entries are read at once
	streams, pair := r.list(), r.list()
	r.text() // the stream's name
	entries := r.list()
	if streams != 1 || pair != 2 || entries < 0 {
		r.refuse()
	}
	if entries > cap(r.deliveries) {
		r.deliveries = make([]Delivery, 0, min(entries, likely))
	}
	for left := entries; left > 0 && r.err == nil; left-- {
		entry, read := r.entryAtHand(left)
		if !read {
			entry = r.entry(left)
		}
		r.deliveries = append(r.deliveries, Delivery{Entry: entry, Deliveries: 1, LeaseEnds: r.leaseEnds})
		if !r.full {
			r.kept++
		}
	}
	if r.err == nil && r.at != len(r.chunk) {
		r.refuse()
	}
}

func (r *readReply) refuse() {
	if r.err == nil {
		r.err = errUnexpectedReply
	}
}

// entryAtHand reads the usual entry: all of it is in the chunk, and it is small, not deleted and within the room. false: it was
// not read, and is to be read by entry.
func (r *readReply) entryAtHand(left int) (entry Entry, read bool) {
	const leastText = len("$0\r\n\r\n")
	reply := r.chunk
	parts, at := lengthAt(reply, r.at, '*')
	text, at := textAt(reply, at)
	size, at := lengthAt(reply, at, '*')
	if r.full || at < 0 || parts != 2 || size%2 != 0 || size > (len(reply)-at)/leastText {
		return Entry{}, false
	}
	id, err := ParseID(text)
	if err != nil {
		return Entry{}, false
	}
	r.makeRoom(size/2, left)
	fields, first, kept := r.fields, len(r.fields), 0
	for ; size > 0 && at >= 0; size -= 2 {
		var name, value string
		name, at = textAt(reply, at)
		value, at = textAt(reply, at)
		fields = append(fields, Field{name, value})
		kept += len(name) + len(value)
	}
	if at < 0 || kept > min(r.most, r.largest, largestChunk/2) {
		return Entry{}, false
	}
	r.at, r.fields, r.most = at, fields, r.most-kept
	return Entry{ID: id, Fields: fields[first:len(fields):len(fields)]}, true
}

// entry reads [ID, [name, value...]], the first of so many that are left. Where somebody has deleted the entry, nil stands
// in the place of its fields.
func (r *readReply) entry(left int) Entry {
	used, lasting := len(r.used), !r.reused
	if r.list() != 2 {
		r.refuse()
	}
	id, err := ParseID(r.text())
	size := r.list()
	if err != nil || size > 0 && size%2 != 0 {
		r.refuse()
	}
	r.makeRoom(size/2, left)
	first, kept, unread := len(r.fields), 0, 0
	for ; size > 0 && r.err == nil; size -= 2 {
		r.fields = append(r.fields, Field{Name: r.value(&kept, &unread), Value: r.value(&kept, &unread)})
	}
	if r.full {
		clear(r.fields[first:])
		r.fields = r.fields[:first]
		return Entry{ID: id, unread: kept + unread}
	}
	r.most -= kept
	entry := Entry{ID: id, Fields: r.fields[first:len(r.fields):len(r.fields)], unread: unread}
	lasting = lasting && !r.reused && len(r.used) == used
	entry.lasting = lasting && entry.Size() > largestChunk/2 // a small one is copied, or it would keep its whole chunk
	return entry
}

// shortText is how long a text may be that is kept of an entry which is too large: its name and its ID are wanted.
const shortText = 256

// value reads a text of an entry, of which so many bytes were kept and left out before, or leaves it out.
func (r *readReply) value(kept, unread *int) string {
	length, size := r.head('$')
	tooLarge := length > shortText && *kept+*unread > r.largest-length
	if !tooLarge && *kept > r.most-length && r.kept > 0 {
		r.full = true
	}
	if r.full || tooLarge {
		*unread += max(length, 0)
		r.pass(length, size)
		return ""
	}
	*kept += max(length, 0)
	return r.take(length, size)
}

// makeRoom sees to room for the fields of an entry. Where there is none it makes it for those of the whole reply, as if each
// entry that is left had as many, so that the next one finds room for all. The entries before keep theirs.
func (r *readReply) makeRoom(fields, left int) {
	if cap(r.fields)-len(r.fields) < fields {
		r.fields = make([]Field, 0, min(len(r.fields)+fields*left, fieldsKept))
	}
}

// answeredError is the error that the library makes of an error frame's text. redis.IsLoadingError and its like look for
// its type, which has no other name outside of the library than that of redis.Nil's.
func answeredError(text string) error { return like(redis.Nil, text) }

func like[E ~string](_ E, text string) E { return E(text) }
