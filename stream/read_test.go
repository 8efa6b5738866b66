package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
	"unsafe"
	"weak"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
)

// cannedServer answers every command but the greeting with the next of its answers. An answer that ends in hangUp is
// followed by the end of the connection, and after the last one there is silence.
type cannedServer struct {
	listener net.Listener
	answers  chan string
	dials    atomic.Int64
	commands atomic.Int64
}

const hangUp = "\x00"

func startCanned(t *testing.T, answers ...string) *cannedServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	server := &cannedServer{listener: listener, answers: make(chan string, len(answers))}
	for _, answer := range answers {
		server.answers <- strings.ReplaceAll(answer, "ADDRESS", listener.Addr().String())
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			server.dials.Add(1)
			go server.serve(connection)
		}
	}()
	return server
}

func (s *cannedServer) serve(connection net.Conn) {
	defer connection.Close()
	commands := bufio.NewReader(connection)
	for {
		name, err := readCommand(commands)
		if err != nil {
			return
		}
		if strings.EqualFold(name, "hello") {
			_, _ = io.WriteString(connection, "-ERR unknown command\r\n")
			continue
		}
		s.commands.Add(1)
		select {
		case answer := <-s.answers:
			text, ends := strings.CutSuffix(answer, hangUp)
			if _, err := io.WriteString(connection, text); err != nil || ends {
				return
			}
		default:
		}
	}
}

// readCommand reads a command and returns its name.
func readCommand(commands *bufio.Reader) (name string, err error) {
	number := func(prefix string) int {
		line, lineErr := commands.ReadString('\n')
		value, numberErr := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, prefix)))
		err = errors.Join(err, lineErr, numberErr)
		return value
	}
	for word := range number("*") {
		text := make([]byte, number("$")+2)
		if _, readErr := io.ReadFull(commands, text); err != nil || readErr != nil {
			return "", errors.Join(err, readErr)
		}
		if word == 0 {
			name = string(text[:len(text)-2])
		}
	}
	return name, err
}

// group is a group of a client of the server.
func (s *cannedServer) group(t *testing.T) *Group {
	t.Helper()
	return groupOf(t, open(t, "redis://"+s.listener.Addr().String()))
}

func groupOf(t testing.TB, client *Client) *Group {
	t.Helper()
	group, err := client.Group("g", "c", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

// frameOf is the reply that brings one entry with the fields.
func frameOf(id string, fields ...string) string { return replyOf(entryFrame(id, fields...)) }

// replyOf is a reply that consists of entries.
func replyOf(entries ...string) string {
	return fmt.Sprintf("*1\r\n*2\r\n$12\r\nevent_stream\r\n*%d\r\n%s", len(entries), strings.Join(entries, ""))
}

func entryFrame(id string, fields ...string) string {
	var frame strings.Builder
	fmt.Fprintf(&frame, "*2\r\n$%d\r\n%s\r\n*%d\r\n", len(id), id, len(fields))
	for _, field := range fields {
		fmt.Fprintf(&frame, "$%d\r\n%s\r\n", len(field), field)
	}
	return frame.String()
}

// readTyped reads as a Redis Cluster's client does.
func (g *Group) readTyped(ctx context.Context) ([]Delivery, error) {
	reply, err := g.client.readBlocked(ctx, 5, "XREADGROUP", "GROUP", g.name, g.consumer, "STREAMS", DefaultName, ">").Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, g.failed("read", err)
	}
	return parseRead(reply, time.Time{})
}

// TestReadMeansWhatATypedReplyMeans has the same answers read both ways: the errors must be told apart by the same words,
// and the connection must live or die by the same ones.
func TestReadMeansWhatATypedReplyMeans(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"*-1\r\n", "$-1\r\n", frameOf("5-7", "event", "E"),
		"-READONLY You can't write against a read only replica.\r\n",
		"-MOVED 1234 ADDRESS\r\n", "-MOVED 1234 127.0.0.1:1\r\n", "-ASK 1234 127.0.0.1:1\r\n",
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
		"-CLUSTERDOWN Hash slot not served\r\n", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
		"-NOREPLICAS Not enough good replicas to write.\r\n",
		"-ERR max number of clients reached\r\n", "-BUSY Redis is busy running a script.\r\n",
		"-NOGROUP No such key 'event_stream' or consumer group 'g'\r\n",
		"-UNBLOCKED the stream key no longer exists\r\n",
		"-NOPERM this user has no permissions to run the 'xreadgroup' command\r\n",
		"-NOAUTH Authentication required.\r\n", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
		"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "-ERR\r\n", "-x\r\n",
	} {
		outcome := func(read func(*Group) ([]Delivery, error)) []any {
			server := startCanned(t, answer, "*-1\r\n")
			group := server.group(t)
			deliveries, err := read(group)
			if _, err := group.Read(t.Context(), 1, 0); err != nil {
				t.Errorf("%q: the read after it: %v", answer, err)
			}
			text := strings.ReplaceAll(fmt.Sprint(err), server.listener.Addr().String(), "ADDRESS")
			_, answered := errors.AsType[redis.Error](err)
			return []any{
				"deliveries", len(deliveries), "error", text, "dials", server.dials.Load(), "answered", answered,
				"no group", IsNoGroup(err), "refusal", IsRefusal(err), "passing", err != nil && isPassing(err),
				"read-only", redis.IsReadOnlyError(err), "loading", redis.IsLoadingError(err),
			}
		}
		want := outcome(func(group *Group) ([]Delivery, error) { return group.readTyped(t.Context()) })
		got := outcome(func(group *Group) ([]Delivery, error) { return group.Read(t.Context(), 1, 0) })
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %v\nwant %v", answer, got, want)
		}
	}
}

// TestReadRefusesStrangeReplies wants no panic, no more memory than what came, and a new connection where nobody can know
// in which place the next reply begins.
func TestReadRefusesStrangeReplies(t *testing.T) {
	t.Parallel()
	whole := frameOf("5-7", "event", "E")
	tests := map[string]struct {
		answer string
		dials  int64
	}{
		"a status":             {"+OK\r\n", 1},
		"a number":             {":1\r\n", 1},
		"no stream":            {"*0\r\n", 1},
		"no entries":           {"*1\r\n*2\r\n$1\r\ns\r\n*-1\r\n", 2},
		"two streams":          {"*2" + whole[2:] + whole[4:], 2},
		"a text for a list":    {strings.Replace(whole, "*1\r\n*2\r\n$3", "$1\r\n*2\r\n$3", 1), 2},
		"a list for a text":    {strings.Replace(whole, "$5\r\nevent", "*1\r\n$5\r\nevent", 1), 2},
		"a number for a text":  {strings.Replace(whole, "$5\r\nevent", ":5\r\nevent", 1), 2},
		"an odd field":         {frameOf("5-7", "event", "E", "data"), 2},
		"no ID":                {frameOf("event"), 2},
		"a length too short":   {strings.Replace(whole, "$5\r\nevent", "$4\r\nevent", 1), 2},
		"a length too long":    {strings.Replace(whole, "$1\r\nE\r\n", "$2\r\nE\r\n\r\n", 1), 2},
		"a length of letters":  {strings.Replace(whole, "$5\r\nevent", "$five\r\nevent", 1), 2},
		"a length below nil":   {strings.Replace(whole, "$5\r\nevent", "$-2\r\nevent", 1), 2},
		"an endless length":    {strings.Replace(whole, "$5\r\nevent", "$"+strings.Repeat("5", 30)+"\r\nevent", 1), 2},
		"an error among them":  {strings.Replace(whole, "$5\r\nevent", "-ERR no\r\n", 1), 2},
		"two replies":          {whole + whole, 2},
		"half an entry":        {whole[:len(whole)-4] + hangUp, 2},
		"half a head":          {whole[:len(whole)-7] + hangUp, 2},
		"an incredible length": {strings.Replace(whole, "$5\r\nevent", "$999999999\r\nevent", 1) + hangUp, 2},
		"incredible fields":    {strings.Replace(whole, "*2\r\n$5", "*999999998\r\n$5", 1) + hangUp, 2},
		"incredible entries":   {strings.Replace(whole, "*1\r\n*2\r\n$3", "*999999999\r\n*2\r\n$3", 1) + hangUp, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := startCanned(t, test.answer, whole)
			group := server.group(t)
			deliveries, err := group.Read(t.Context(), 10, 0)
			broken := strings.HasSuffix(test.answer, hangUp) && errors.Is(err, io.ErrUnexpectedEOF)
			if len(deliveries) > 0 || !broken && !errors.Is(err, errUnexpectedReply) {
				t.Errorf("Read: got %d deliveries, error %v, want an unexpected reply", len(deliveries), err)
			}
			if server.commands.Load() != 1 {
				t.Errorf("Read: sent %d times, want once", server.commands.Load())
			}
			if after, err := group.Read(t.Context(), 10, 0); len(after) != 1 || server.dials.Load() != test.dials {
				t.Errorf("Read after it: got %d deliveries, error %v with %d dials, want 1 with %d", len(after), err,
					server.dials.Load(), test.dials)
			}
		})
	}
}

func TestReadSetsNoMemoryAsideForClaims(t *testing.T) { // not parallel: it counts the memory of all
	whole := frameOf("5-7", "event", "E")
	for _, claim := range []string{
		strings.Replace(whole, "$5\r\nevent", "$999999999\r\nevent", 1),
		strings.Replace(whole, "*2\r\n$5", "*999999998\r\n$5", 1),
		strings.Replace(whole, "*1\r\n*2\r\n$3", "*999999999\r\n*2\r\n$3", 1),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readInPieces(strings.NewReader(claim))
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, io.ErrUnexpectedEOF) || allocated > 512<<10 {
			t.Errorf("%q: error %v, %d bytes allocated, want at most 512 KiB", claim, err, allocated)
		}
	}
}

// readInPieces reads a reply as it comes from a connection that gives what source gives.
func readInPieces(source io.Reader) ([]Delivery, error) {
	reply := unbounded()
	return readFrom(&reply, source)
}

func readFrom(reply *readReply, source io.Reader) ([]Delivery, error) {
	if err := reply.readRest(bufio.NewReader(source)); !errors.Is(err, errReplyRead) {
		return nil, err
	}
	return reply.deliveries, nil
}

// TestReadInPieces cuts a reply of many chunks in every place.
func TestReadInPieces(t *testing.T) {
	t.Parallel()
	raw := orderFrame(batch)
	want, err := parsed(raw)
	if err != nil || len(want) != batch {
		t.Fatalf("%d deliveries, %v", len(want), err)
	}
	for name, source := range map[string]io.Reader{
		"at once": strings.NewReader(string(raw)),
		"halves":  iotest.HalfReader(strings.NewReader(string(raw))),
		"bytes":   iotest.OneByteReader(strings.NewReader(string(raw))),
	} {
		if got, err := readInPieces(source); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d deliveries, %v, want those that come as a whole", name, len(got), err)
		}
	}
}

// TestReadWithoutTheReaderBehind hands over one string after the other, as the library would have to if it limited
// something else than the connection's buffered reader.
func TestReadWithoutTheReaderBehind(t *testing.T) {
	t.Parallel()
	reply := unbounded()
	head, rest, _ := strings.Cut(string(orderFrame(3)), "event_stream")
	_, _ = reply.Write([]byte(head))
	if n, err := reply.ReadFrom(strings.NewReader("event_stream")); n != int64(len("event_stream")) || err != nil {
		t.Fatalf("ReadFrom: got %d, %v", n, err)
	}
	_, _ = reply.Write([]byte(rest))
	reply.parse()
	if want, _ := parsed(orderFrame(3)); reply.err != nil || !reflect.DeepEqual(reply.deliveries, want) {
		t.Errorf("got %v, %v, want %v", reply.deliveries, reply.err, want)
	}
}

// TestReadLeavesAReplica reads from a server that became a replica, and then where its name leads now.
func TestReadLeavesAReplica(t *testing.T) {
	t.Parallel()
	first, second := redistest.Start(t), redistest.Start(t)
	var master atomic.Pointer[redistest.Server]
	var dials atomic.Int64
	master.Store(first)
	client, err := Open(Options{URL: "redis://shop.example:1", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, master.Load().Addr())
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, server := range []*redistest.Server{first, second} {
		server.CLI("xadd", DefaultName, "*", "event", server.Addr())
		server.CLI("xgroup", "create", DefaultName, "g", "0")
	}
	group := groupOf(t, client)
	if got, err := group.Read(t.Context(), 10, 0); len(got) != 1 || err != nil || dials.Load() != 1 {
		t.Fatalf("Read: %d deliveries, %v, %d dials", len(got), err, dials.Load())
	}
	first.CLI("replicaof", "127.0.0.1", "1")
	master.Store(second)
	if _, err := group.Read(t.Context(), 10, 0); !redis.IsReadOnlyError(err) || !strings.Contains(err.Error(), "connect to the master") {
		t.Errorf("Read from a replica: error %v, want READONLY and what to do", err)
	}
	got, err := group.Read(t.Context(), 10, 0)
	if len(got) != 1 || err != nil || got[0].Get("event") != second.Addr() || dials.Load() != 2 {
		t.Errorf("Read after it: got %v, %v after %d dials, want the new master's entry after 2", got, err, dials.Load())
	}
}

// TestReadKeepsItsConnection reads much, nothing and little in turn.
func TestReadKeepsItsConnection(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := open(t, server.URL())
	server.CLI("xgroup", "create", DefaultName, "g", "0", "mkstream")
	group := groupOf(t, client)
	for round := range 5 {
		for range 300 {
			publish(t, client, Event{Name: "E", Data: []byte(strings.Repeat("x", 100*round))}, PublishOptions{})
		}
		for _, want := range []int{299, 1, 0} {
			if got, err := group.Read(t.Context(), 299, 0); len(got) != want || err != nil {
				t.Fatalf("Read: %d deliveries, %v, want %d", len(got), err, want)
			}
		}
	}
	if stats := client.read.PoolStats(); stats.Misses != 1 || stats.TotalConns != 1 {
		t.Errorf("15 reads made %d connections of which %d live, want 1", stats.Misses, stats.TotalConns)
	}
}

// TestReadNoticesADeadLink lets a link fall silent in the middle of a reply.
func TestReadNoticesADeadLink(t *testing.T) {
	t.Parallel()
	whole := frameOf("5-7", "event", "E")
	server := startCanned(t, whole[:len(whole)-5], whole)
	group := server.group(t)
	start := time.Now()
	_, err := group.Read(t.Context(), 1, MaxBlock)
	took := time.Since(start)
	if network, ok := errors.AsType[net.Error](err); !ok || !network.Timeout() || !isPassing(err) {
		t.Errorf("Read from a silent link: error %v, want a timeout", err)
	}
	if took < MaxBlock || took > MaxBlock+blockedGrace+2*time.Second || server.commands.Load() != 1 {
		t.Errorf("Read from a silent link took %v and was sent %d times, want %v and once", took, server.commands.Load(),
			MaxBlock+blockedGrace)
	}
	if got, err := group.Read(t.Context(), 1, 0); len(got) != 1 || err != nil || server.dials.Load() != 2 {
		t.Errorf("Read after it: %d deliveries, %v, %d dials, want 1 by a new connection", len(got), err, server.dials.Load())
	}
}

func TestReadLooksAtTheContextBeforeItIsSent(t *testing.T) {
	t.Parallel()
	server := startCanned(t, "*-1\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.group(t).Read(ctx, 1, 0); !errors.Is(err, context.Canceled) || server.commands.Load() != 0 {
		t.Errorf("Read: error %v after %d commands, want the context's and none", err, server.commands.Load())
	}
}

// TestReadSharesNothingButTheReply changes an event's data as a handler may.
func TestReadSharesNothingButTheReply(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		client := open(t, url)
		client.Redis().XGroupCreateMkStream(t.Context(), DefaultName, "g", "0")
		group := groupOf(t, client)
		var events []Event
		for round := range 3 {
			for number := range 5 {
				data := fmt.Sprintf(`{"round":%d,"number":%d}`, round, number)
				publish(t, client, Event{Name: "E", ID: data, Data: []byte(data), Headers: map[string]string{"h": data}}, PublishOptions{})
			}
			deliveries, err := group.Read(t.Context(), 10, 0)
			if err != nil || len(deliveries) != 5 {
				t.Fatalf("Read: %d deliveries, %v", len(deliveries), err)
			}
			for _, delivery := range deliveries {
				event, err := Decode(delivery.Entry, DecodeOptions{})
				if err != nil || string(event.Data) != event.ID {
					t.Fatalf("Decode: %+v, %v", event, err)
				}
				event.Data = append(event.Data, "more"...) // into memory of its own
				events = append(events, event)
				clear(event.Data)
				again, _ := Decode(delivery.Entry, DecodeOptions{})
				clear(again.Data)
			}
		}
		for _, event := range events {
			if event.Name != "E" || event.Headers["h"] != event.ID || !strings.HasPrefix(event.ID, `{"round":`) {
				t.Errorf("an event whose data and whose neighbours' data were changed is %+v", event)
			}
		}
	})
}

// TestDecodeCopiesWhatItDoesNotOwn would end the program where it wrote to the text of the program itself.
func TestDecodeCopiesWhatItDoesNotOwn(t *testing.T) {
	t.Parallel()
	const data = "constant"
	event, err := Decode(entryOf("event", "E", "data", data), DecodeOptions{})
	if clear(event.Data); err != nil || data != "constant" {
		t.Errorf("Decode: %v, %q", err, data)
	}
}

// TestAllocationsOfReading is not parallel, since it counts the allocations of all.
func TestAllocationsOfReading(t *testing.T) {
	raw := orderFrame(batch)
	perBatch := testing.AllocsPerRun(20, func() {
		deliveries, err := parsed(raw)
		if err != nil || len(deliveries) != batch {
			t.Fatal(len(deliveries), err)
		}
		for index := range deliveries {
			entry := deliveries[index].Entry
			if event, err := Decode(entry, DecodeOptions{MaxBytes: 1 << 20}); err != nil || Recipient(entry) != "" || event.ID == "" {
				t.Fatal(event, err)
			}
		}
	})
	if most := 1.05 * batch; perBatch > most { // one is the event's memory
		t.Errorf("reading %d deliveries took %v allocations, want at most %v", batch, perBatch, most)
	}
}

// TestEventsOutliveTheirReply decodes small entries and large ones, in any order, and reads something else into the same memory.
func TestEventsOutliveTheirReply(t *testing.T) {
	t.Parallel()
	overwriting := make([]string, 1000)
	for number := range overwriting {
		overwriting[number] = entryFrame(fmt.Sprint("6-", number), "event", "E1", "data", strings.Repeat("b", 1000))
	}
	var decoder Decoder
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		entries, sizes := make([]string, 12), make([]int, 12)
		for number := range entries {
			sizes[number] = 10 + random.IntN([]int{10, 1000, 60 << 10, 200 << 10}[random.IntN(4)])
			data := strings.Repeat("a", sizes[number])
			entries[number] = entryFrame(fmt.Sprint("5-", number), "event", nameOf(number), "data", data, "other", data[:9])
		}
		connection := &scripted{answer: replyOf(entries...)}
		reader := scriptedGroupOn(t, connection).Reader()
		deliveries, _, err := reader.Read(t.Context(), roomFor(len(entries)), 0)
		if err != nil || len(deliveries) != len(entries) {
			t.Fatalf("seed %d: Read: %d deliveries, %v", seed, len(deliveries), err)
		}
		events := make([]Event, len(deliveries))
		for number, delivery := range deliveries {
			var err error
			if seed%2 == 0 {
				events[number], err = Decode(delivery.Entry, DecodeOptions{})
			} else {
				err = decoder.Decode(delivery.Entry, &events[number])
			}
			if err != nil {
				t.Fatal(err)
			}
			if delivery.lasting && delivery.Size() < 10<<10 {
				t.Errorf("seed %d: an event of %d bytes keeps its chunk of the reply", seed, delivery.Size())
			}
		}
		connection.answer = replyOf(overwriting...)
		if again, _, err := reader.Read(t.Context(), roomFor(1000), 0); err != nil || len(again) != 1000 || again[0].Get("event") != "E1" {
			t.Fatalf("seed %d: Read again: %d deliveries, %v", seed, len(again), err)
		}
		for number, event := range events {
			if want := strings.Repeat("a", sizes[number]); event.Name != nameOf(number) || string(event.Data) != want || event.Headers["other"] != want[:9] {
				t.Errorf("seed %d: event %d has changed: %s, %.20s", seed, number, event.Name, event.Data)
			}
		}
	}
}

// nameOf is another name for every second event.
func nameOf(number int) string { return fmt.Sprint("NAME_", number%2) }

// roomFor is room for so many entries, whatever their size.
func roomFor(entries int) Room { return Room{Entries: entries, Bytes: math.MaxInt} }

// TestReaderOfAnIdleGroup reads much, and then nothing.
func TestReaderOfAnIdleGroup(t *testing.T) {
	t.Parallel()
	connection := &scripted{answer: string(orderFrame(batch))}
	reader := scriptedGroupOn(t, connection).Reader()
	if deliveries, _, err := reader.Read(t.Context(), roomFor(batch), 0); err != nil || len(deliveries) != batch || len(reader.chunks) == 0 {
		t.Fatalf("Read: %d deliveries, %v, in %d chunks", len(deliveries), err, len(reader.chunks))
	}
	connection.answer = "*-1\r\n"
	if deliveries, _, err := reader.Read(t.Context(), roomFor(batch), 0); err != nil || len(deliveries) != 0 {
		t.Fatalf("Read: %d deliveries, %v", len(deliveries), err)
	}
	if reader.chunks != nil || reader.deliveries != nil || reader.fields != nil {
		t.Errorf("the reader of an idle group keeps %d chunks, %d deliveries and %d fields",
			len(reader.chunks), cap(reader.deliveries), cap(reader.fields))
	}
}

// TestWaitingReaderKeepsNoLargeEvent looks at what is in memory while a read waits for what comes after a large event.
func TestWaitingReaderKeepsNoLargeEvent(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("a", 1<<20)
	connection := &scripted{answer: replyOf( // the second has more fields than there is room for beside those of the first
		entryFrame("5-0", "event", "E", "data", large), entryFrame("5-1", "event", "E", "data", "a", "other", "b"))}
	reader := scriptedGroupOn(t, connection).Reader()
	readLarge := func() weak.Pointer[byte] {
		deliveries, _, err := reader.Read(t.Context(), roomFor(2), 0)
		if err != nil || len(deliveries) != 2 || deliveries[0].Get("data") != large {
			t.Fatalf("Read: %d deliveries, %v", len(deliveries), err)
		}
		return weak.Make(unsafe.StringData(deliveries[0].Get("data")))
	}
	data, kept := readLarge(), false
	connection.answer = "*-1\r\n"
	connection.waiting = func() {
		runtime.GC()
		kept = kept || data.Value() != nil
	}
	if _, _, err := reader.Read(t.Context(), roomFor(1), 0); err != nil || kept {
		t.Errorf("Read: error %v, the data of the event before it kept: %v", err, kept)
	}
}

// scripted is a connection in memory: it refuses the greeting, and to every other command it answers the same.
type scripted struct {
	net.Conn
	answer  string
	coming  string
	waiting func() // what happens before each piece of an answer, or nil
}

func (s *scripted) Write(command []byte) (int, error) {
	s.coming = s.answer
	if bytes.Contains(command, []byte("hello")) {
		s.coming = "-ERR unknown command\r\n"
	}
	return len(command), nil
}

func (s *scripted) Read(into []byte) (int, error) {
	if s.waiting != nil {
		s.waiting()
	}
	if s.coming == "" {
		return 0, io.EOF
	}
	read := copy(into, s.coming)
	s.coming = s.coming[read:]
	return read, nil
}

func (*scripted) Close() error                     { return nil }
func (*scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*scripted) SetDeadline(time.Time) error      { return nil }
func (*scripted) SetReadDeadline(time.Time) error  { return nil }
func (*scripted) SetWriteDeadline(time.Time) error { return nil }

// scriptedGroup is a group on such a connection.
func scriptedGroup(t testing.TB, answer string) *Group {
	t.Helper()
	return scriptedGroupOn(t, &scripted{answer: answer})
}

func scriptedGroupOn(t testing.TB, connection net.Conn) *Group {
	t.Helper()
	client, err := Open(Options{URL: "redis://h", Dialer: func(context.Context, string, string) (net.Conn, error) {
		return connection, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return groupOf(t, client)
}

// TestAllocationsOfARead counts those of the library as well.
func TestAllocationsOfARead(t *testing.T) {
	for _, test := range []struct {
		entries int
		most    float64
	}{{0, 15}, {1, 40}, {batch, 50}} {
		answer := string(orderFrame(test.entries))
		if test.entries == 0 {
			answer = "*-1\r\n"
		}
		group := scriptedGroup(t, answer)
		got := testing.AllocsPerRun(20, func() {
			if deliveries, err := group.Read(context.Background(), batch, 0); err != nil || len(deliveries) != test.entries {
				t.Fatal(len(deliveries), err)
			}
		})
		if got > test.most {
			t.Errorf("a read of %d entries took %v allocations, want at most %v", test.entries, got, test.most)
		}
	}
}

// TestAllocationsOfAck counts those of the library as well.
func TestAllocationsOfAck(t *testing.T) {
	ids := make([]ID, batch)
	for index := range ids {
		ids[index] = ID{Ms: 1763691200123, Seq: uint64(index)}
	}
	group := scriptedGroup(t, fmt.Sprintf(":%d\r\n", batch))
	got := testing.AllocsPerRun(20, func() {
		if acked, err := group.Ack(context.Background(), ids); acked != batch || err != nil {
			t.Fatal(acked, err)
		}
	})
	if most := 15.0; got > most {
		t.Errorf("acking %d entries took %v allocations, want at most %v", batch, got, most)
	}
}
