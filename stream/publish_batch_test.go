package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/redis/go-redis/v9"
)

// orders returns n events of about 250 bytes, each with an ID of its own.
func orders(n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{
			Name: "NEW_ORDER_RECEIVED",
			ID:   fmt.Sprint("order-", i),
			Time: time.UnixMilli(1763700000000 + int64(i)),
			Data: fmt.Appendf(nil, `{"order_id":%d,"order_no":"SO-2026-%06d","customer":{"name":"Ada Miller","phone":`+
				`"+44 20 7946 0123"},"items":[{"product_id":1,"quantity":2,"title":"Kettle"}]}`, i, i),
		}
	}
	return events
}

// publishBatch publishes events and ends the test where that fails.
func publishBatch(t *testing.T, client *Client, events []Event, options PublishOptions) []Published {
	t.Helper()
	published, err := client.PublishBatch(t.Context(), events, options)
	if err != nil || len(published) != len(events) {
		t.Fatalf("PublishBatch of %d events = %d of them, error %v", len(events), len(published), err)
	}
	return published
}

// checkBatch compares the stream with the events that were published.
func checkBatch(t *testing.T, client *Client, events []Event, published []Published) {
	t.Helper()
	messages := entries(t, client)
	if len(messages) != len(events) || len(published) != len(events) {
		t.Fatalf("the stream holds %d entries, and %d were returned, want %d", len(messages), len(published), len(events))
	}
	for i, message := range messages {
		want := map[string]any{}
		for _, field := range Encode(events[i]) {
			want[field.Name] = field.Value
		}
		if !reflect.DeepEqual(message.Values, want) {
			t.Fatalf("entry %d holds %v, want events[%d], %v", i, message.Values, i, want)
		}
		if published[i].ID.String() != message.ID {
			t.Fatalf("PublishBatch returned %s for events[%d], which is entry %s", published[i].ID, i, message.ID)
		}
	}
}

// repeated returns the first n of published as a repeat yields them.
func repeated(published []Published, n int) []Published {
	all := slices.Clone(published)
	for i := range n {
		all[i].Repeated = true
	}
	return all
}

// batchMarkers lists the markers of batches.
func batchMarkers(t *testing.T, client *Client) []string {
	t.Helper()
	found, err := client.Redis().Keys(t.Context(), "*published-batch:*").Result()
	if err != nil {
		t.Fatalf("KEYS: %v", err)
	}
	return found
}

func TestPublishBatch(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		for size, markers := range map[int]int{1: 1, 2: 1, 99: 1, 100: 1, 101: 2, 250: 3} {
			client.Redis().FlushAll(t.Context())
			events := orders(size)
			events[size/2] = fullEvent()
			first := publishBatch(t, client, events, PublishOptions{MaxBytes: 1 << 10})
			checkBatch(t, client, events, first)
			if got := repeated(first, 0); !reflect.DeepEqual(got, first) || first[0].Repeated {
				t.Errorf("PublishBatch of %d events = %v, want none repeated", size, first)
			}
			if got := len(batchMarkers(t, client)); got != markers {
				t.Errorf("PublishBatch of %d events left %d markers, want %d", size, got, markers)
			}
			second := publishBatch(t, client, events, PublishOptions{})
			if want := repeated(first, size); !reflect.DeepEqual(second, want) {
				t.Errorf("PublishBatch of the same %d events = %v, want %v", size, second, want)
			}
			checkBatch(t, client, events, second)
		}
	})
}

func TestPublishBatchOfNothing(t *testing.T) {
	t.Parallel()
	client := open(t, "redis://127.0.0.1:1") // nobody answers there
	if published, err := client.PublishBatch(t.Context(), nil, PublishOptions{}); len(published) != 0 || err != nil {
		t.Errorf("PublishBatch(nil) = %v, %v, want nothing, without a call", published, err)
	}
}

func TestPublishBatchRepeat(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		tests := map[string]struct {
			change func([]Event) []Event
			same   bool
		}{
			"the same":        {func(e []Event) []Event { return e }, true},
			"another trace":   {func(e []Event) []Event { e[1].TraceParent = "00-ef"; return e }, true},
			"another zone":    {func(e []Event) []Event { e[1].Time = e[1].Time.UTC(); return e }, true},
			"another order":   {func(e []Event) []Event { slices.Reverse(e); return e }, false},
			"one less":        {func(e []Event) []Event { return e[1:] }, false},
			"one more":        {func(e []Event) []Event { return append(e, Event{Name: "E", ID: "1"}) }, false},
			"other data":      {func(e []Event) []Event { e[2].Data = []byte("{}"); return e }, false},
			"a name's border": {func(e []Event) []Event { e[2].Name += "2"; return e }, false},
			"a moved field":   {func(e []Event) []Event { e[0].Headers, e[1].Headers = e[1].Headers, nil; return e }, false},
		}
		for name, test := range tests {
			client.Redis().FlushAll(t.Context())
			batch := func() []Event {
				events := orders(3)
				events[1].Headers = map[string]string{"a": "1"}
				return events
			}
			first := publishBatch(t, client, batch(), PublishOptions{})
			got := publishBatch(t, client, test.change(batch()), PublishOptions{})
			if test.same && !reflect.DeepEqual(got, repeated(first, 3)) {
				t.Errorf("%s: PublishBatch = %v, want %v", name, got, repeated(first, 3))
			}
			if !test.same && (got[0].Repeated || len(entries(t, client)) != len(first)+len(got)) {
				t.Errorf("%s: PublishBatch = %v with %d entries, want it to be another batch",
					name, got, len(entries(t, client)))
			}
		}
	})
}

func TestPublishBatchMarker(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		events := orders(3)
		published := publishBatch(t, client, events, PublishOptions{})
		markers := batchMarkers(t, client)
		if len(markers) != 1 || len(markers[0]) != len("{event_stream}:published-batch:")+64 {
			t.Fatalf("markers %q, want one {event_stream}:published-batch:<64 hexadecimal digits>", markers)
		}
		want := published[0].ID.String() + " 3"
		if got := client.Redis().Get(t.Context(), markers[0]).Val(); got != want {
			t.Errorf("the marker holds %q, want %q", got, want)
		}
		for range 2 {
			left := client.Redis().PTTL(t.Context(), markers[0]).Val()
			if left <= 9*time.Minute || left > 10*time.Minute {
				t.Errorf("the marker lives for %v, want 10 minutes", left)
			}
			client.Redis().PExpire(t.Context(), markers[0], time.Minute)
			publishBatch(t, client, events, PublishOptions{}) // begins its life anew
		}
	})
}

func TestPublishBatchGivesIDs(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		events := []Event{{Name: "E"}, {Name: "E", ID: "1"}, {Name: "E"}}
		for range 2 {
			for _, published := range publishBatch(t, client, events, PublishOptions{}) {
				if published.Repeated {
					t.Errorf("PublishBatch with events without ID = %+v, want it not repeated", published)
				}
			}
		}
		ids := map[any]bool{}
		for _, message := range entries(t, client) {
			ids[message.Values["event_id"]] = true
		}
		if len(ids) != 5 || events[0].ID != "" {
			t.Errorf("4 events without ID and 2 with one have the IDs %v, want 5; the caller's event has %q", ids, events[0].ID)
		}
	})
}

func TestPublishBatchAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		var publishers sync.WaitGroup
		for range 20 {
			publishers.Go(func() {
				if _, err := client.PublishBatch(t.Context(), orders(150), PublishOptions{}); err != nil {
					t.Errorf("PublishBatch: %v", err)
				}
			})
		}
		publishers.Wait()
		if got := len(entries(t, client)); got != 150 {
			t.Errorf("20 publishers of one batch of 150 made %d entries, want 150", got)
		}
	})
}

func TestPublishBatchOfLargeEvents(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		wide := Event{Name: "E", ID: "wide", Headers: map[string]string{}}
		for i := range maxHeaders {
			wide.Headers[fmt.Sprint(i)] = "x"
		}
		events := []Event{wide}
		for i := range 4 {
			events = append(events, Event{Name: "E", ID: fmt.Sprint(i), Data: slices.Repeat([]byte("x"), i*500_000)})
		}
		checkBatch(t, client, events, publishBatch(t, client, events, PublishOptions{}))
		if got := len(batchMarkers(t, client)); got != 3 { // 0 and 0.5 MB, 1 MB, 1.5 MB
			t.Errorf("PublishBatch left %d markers, want one for each of 3 parts", got)
		}
	})
}

// TestCutChunk cuts in the same places whatever the trace contexts are.
func TestCutChunk(t *testing.T) {
	t.Parallel()
	const frames = 6*8 + len("event"+"E"+"event_id"+"1"+"data") // what stands around the data in the content
	tests := map[string]struct {
		data []int
		want []int
	}{
		"one":             {[]int{1}, []int{1}},
		"small":           {slices.Repeat([]int{1}, 201), []int{100, 100, 1}},
		"just one":        {[]int{chunkBytes - frames}, []int{1}},
		"too large":       {[]int{chunkBytes * 2, chunkBytes * 2}, []int{1, 1}},
		"two that fit":    {[]int{chunkBytes/2 - frames, chunkBytes/2 - frames}, []int{2}},
		"one byte more":   {[]int{chunkBytes/2 - frames, chunkBytes/2 - frames + 1}, []int{1, 1}},
		"small and large": {[]int{1, chunkBytes * 2, 1, 1}, []int{1, 1, 2}},
	}
	for name, test := range tests {
		for _, trace := range []string{"", strings.Repeat("x", 55)} {
			var events []prepared
			for _, size := range test.data {
				event := Event{Name: "E", ID: "1", Data: make([]byte, size), TraceParent: trace}
				events = append(events, prepared{fields: Encode(event)})
			}
			var got []int
			for len(events) > 0 {
				cut := len(cutChunk(events).events)
				got, events = append(got, cut), events[cut:]
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: cutChunk of events with %d bytes of trace cuts %v, want %v", name, len(trace), got, test.want)
			}
		}
	}
}

func TestPublishBatchRefuses(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Memory(t).URL())
	events := orders(120)
	events[7].Name = ""
	events[101].Data = make([]byte, 2000)
	events[119].Headers = map[string]string{"to": "x"}
	tests := map[string]struct {
		options PublishOptions
		words   []string
	}{
		"events": {
			PublishOptions{MaxBytes: 1000},
			[]string{"events[7]: the event has no name", "events[101]:", "events[119]:"},
		},
		"negative wait": {PublishOptions{Wait: -1}, []string{"Wait -1"}},
	}
	for name, test := range tests {
		published, err := client.PublishBatch(t.Context(), events, test.options)
		for _, word := range test.words {
			if err == nil || !strings.Contains(err.Error(), word) || len(published) != 0 {
				t.Errorf("%s: PublishBatch = %v, %v, want nothing and an error with %q", name, published, err, word)
			}
		}
	}
	if got := len(entries(t, client)); got != 0 {
		t.Errorf("the stream holds %d entries, want none", got)
	}
}

// TestPublishBatchLostReply swallows the first replies: the events were added, nobody was told, and asking again finds
// them.
func TestPublishBatchLostReply(t *testing.T) {
	t.Parallel()
	for _, wait := range []int{0, 1} {
		t.Run(fmt.Sprint("wait ", wait), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			options := PublishOptions{Wait: wait, WaitTimeout: time.Second}
			if wait > 0 {
				startReplica(t, server)
			}
			proxy := redistest.StartProxy(t, server.Addr())
			client := open(t, proxy.URL())
			publishBatch(t, client, []Event{{Name: "WARM_UP", ID: "1"}}, PublishOptions{})
			proxy.DropReplies(2)
			events := orders(150)
			published := publishBatch(t, client, events, options)
			if !published[99].Repeated || published[100].Repeated {
				t.Errorf("PublishBatch = %v, want the first 100 repeated: their first try was the one that added them", published)
			}
			proxy.DropReplies(2)
			if published := publishBatch(t, client, []Event{{Name: "E"}}, options); published[0].Repeated {
				t.Errorf("PublishBatch of an event without ID = %+v, want it not repeated", published)
			}
			if got := len(entries(t, client)); got != 152 {
				t.Errorf("the stream holds %d entries, want 152", got)
			}
		})
	}
}

// TestPublishBatchGoesOn lets Redis run out of IDs in the midst of a part: what was added is known, and a repeat adds what
// is missing.
func TestPublishBatchGoesOn(t *testing.T) {
	t.Parallel()
	for _, again := range []string{"the same batch", "the rest"} {
		t.Run(again, func(t *testing.T) {
			t.Parallel()
			client := open(t, redistest.Start(t).URL())
			key := client.Keys().Stream()
			top := ID{Ms: 1<<64 - 1, Seq: 1<<64 - 1 - 150}
			client.Redis().XAdd(t.Context(), &redis.XAddArgs{Stream: key, ID: top.String(), Values: []string{"event", "TOP"}})
			events := orders(250)
			for range 2 {
				first, err := client.PublishBatch(t.Context(), events, PublishOptions{})
				if err == nil || !strings.Contains(err.Error(), "events[100:200] of 250") || len(first) != 100 {
					t.Fatalf("PublishBatch = %d events, error %v, want 100 and an error about events[100:200]", len(first), err)
				}
			}
			if got := client.Redis().XLen(t.Context(), key).Val(); got != 151 {
				t.Fatalf("the stream holds %d entries, want 151", got)
			}
			client.Redis().Del(t.Context(), key)
			skip := 0
			if again == "the rest" {
				skip = 100
			}
			published := publishBatch(t, client, events[skip:], PublishOptions{})
			for i, got := range published {
				if known := skip+i < 150; got.Repeated != known || (got.ID.Ms == top.Ms) != known {
					t.Fatalf("PublishBatch again = %+v for events[%d], want it known: %t", got, skip+i, known)
				}
			}
			checkBatch(t, client, events[150:], published[150-skip:])
		})
	}
}

// TestPublishBatchAcrossMilliseconds begins at sequence numbers that a Lua number cannot hold, with two left.
func TestPublishBatchAcrossMilliseconds(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Start(t).URL())
	top := ID{Ms: 9999999999999, Seq: 1<<64 - 3}
	client.Redis().XAdd(t.Context(), &redis.XAddArgs{Stream: "event_stream", ID: top.String(), Values: []string{"a", "b"}})
	events := orders(5)
	published := publishBatch(t, client, events, PublishOptions{})
	client.Redis().XDel(t.Context(), "event_stream", top.String())
	checkBatch(t, client, events, published)
	if want := (ID{Ms: top.Ms + 1, Seq: 2}); published[4].ID != want {
		t.Errorf("PublishBatch ends at %s, want %s", published[4].ID, want)
	}
	if got := publishBatch(t, client, events, PublishOptions{}); !reflect.DeepEqual(got, repeated(published, 5)) {
		t.Errorf("PublishBatch again = %v, want %v", got, repeated(published, 5))
	}
}

// TestPublishBatchFindsWithoutMemory repeats a batch in a Redis that takes nothing new.
func TestPublishBatchFindsWithoutMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := open(t, server.URL())
	first := publishBatch(t, client, orders(3), PublishOptions{})
	server.CLI("config", "set", "maxmemory", "1")
	if got := publishBatch(t, client, orders(3), PublishOptions{}); !reflect.DeepEqual(got, repeated(first, 3)) {
		t.Errorf("PublishBatch again = %v, want %v", got, repeated(first, 3))
	}
}

// TestPublishBatchWithoutPermission shows that nothing is added where its marker cannot be.
func TestPublishBatchWithoutPermission(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := open(t, server.URL())
	server.CLI("acl", "setuser", "default", "-set")
	_, err := client.PublishBatch(t.Context(), orders(3), PublishOptions{})
	if err == nil || !strings.Contains(err.Error(), "lacks a permission") {
		t.Errorf("PublishBatch without SET: error %v, want one that says so", err)
	}
	if got := server.CLI("xlen", "event_stream"); got != "0" {
		t.Errorf("the stream holds %s entries, want none", got)
	}
}

func TestPublishBatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Start(t).URL())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	published, err := client.PublishBatch(ctx, orders(3), PublishOptions{})
	if !errors.Is(err, context.Canceled) || len(published) != 0 || len(entries(t, client)) != 0 {
		t.Errorf("PublishBatch with a context that has ended = %v, %v, want nothing", published, err)
	}
}

func TestPublishBatchAfterScriptFlush(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		for i, options := range []PublishOptions{{}, {Wait: 1, WaitTimeout: time.Millisecond}} {
			client.Redis().ScriptFlush(t.Context())
			_, err := client.PublishBatch(t.Context(), []Event{{Name: "E", ID: fmt.Sprint(i)}}, options)
			if err != nil && !errors.Is(err, ErrNotReplicated) {
				t.Errorf("PublishBatch with %+v after SCRIPT FLUSH: %v", options, err)
			}
		}
		if got := len(entries(t, client)); got != 2 {
			t.Errorf("the stream holds %d entries, want 2", got)
		}
	})
}

func TestPublishBatchWait(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	replica := startReplica(t, server)
	client := open(t, server.URL())
	events := orders(150)
	checkBatch(t, open(t, replica.URL()), events, publishBatch(t, client, events, PublishOptions{Wait: 1}))
	got, err := client.PublishBatch(t.Context(), events, PublishOptions{Wait: 2, WaitTimeout: 50 * time.Millisecond})
	if !errors.Is(err, ErrNotReplicated) || len(got) != 100 || !got[99].Repeated || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("PublishBatch with Wait 2 = %v, %v, want the first 100 and ErrNotReplicated with 1 of 2", got, err)
	}
}

func TestPublishBatchToACluster(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.ClusterURL(redistest.StartCluster(t)))
	events := orders(150)
	first := publishBatch(t, client, events, PublishOptions{})
	checkBatch(t, client, events, first)
	got, err := client.PublishBatch(t.Context(), events, PublishOptions{Wait: 1, WaitTimeout: time.Millisecond})
	if !errors.Is(err, ErrNotReplicated) || !reflect.DeepEqual(got, repeated(first, 100)[:100]) {
		t.Errorf("PublishBatch again, with Wait 1 = %v, %v, want the first 100 and ErrNotReplicated", got, err)
	}
}

func TestChunkRefusesOddReplies(t *testing.T) {
	t.Parallel()
	three := chunk{events: make([]prepared, 3)}
	for _, answer := range [][]any{
		nil,
		{},
		{int64(0)},
		{int64(0), "1-1"},
		{int64(0), "1-1", int64(2)},
		{int64(0), "1-1", int64(4)},
		{int64(0), "x", int64(3)},
		{int64(0), "1-1", int64(2), "1-3", int64(2)},
		{int64(0), "1-1", "1", int64(2)},
	} {
		if got, err := three.read(answer); !errors.Is(err, errUnexpectedReply) {
			t.Errorf("read(%v) = %v, %v, want errUnexpectedReply", answer, got, err)
		}
	}
}

// BenchmarkPublishBatch stands beside the same entries in a pipeline of bare XADDs, which nothing protects from repeats.
func BenchmarkPublishBatch(b *testing.B) {
	client, err := Open(Options{URL: redistest.Start(b).URL()})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.Run("batch", func(b *testing.B) {
		benchmarkBatches(b, client, func(events []Event) error {
			_, err := client.PublishBatch(b.Context(), events, PublishOptions{})
			return err
		})
	})
	b.Run("bare", func(b *testing.B) {
		benchmarkBatches(b, client, func(events []Event) error {
			pipeline := client.Redis().Pipeline()
			for _, event := range events {
				pipeline.XAdd(b.Context(), &redis.XAddArgs{Stream: client.Keys().Stream(), Values: []any{
					"event", event.Name, "data", event.Data, "event_id", event.ID,
					"timestamp", event.Time.UTC().Format(time.RFC3339Nano),
				}})
			}
			_, err := pipeline.Exec(b.Context())
			return err
		})
	})
}

// benchmarkBatches publishes batches of 100 that all differ.
func benchmarkBatches(b *testing.B, client *Client, publish func([]Event) error) {
	b.ReportAllocs()
	events := orders(100)
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			b.StopTimer()
			client.Redis().FlushAll(b.Context())
			b.StartTimer()
		}
		events[0].ID = fmt.Sprint("batch-", i)
		if err := publish(events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
}
