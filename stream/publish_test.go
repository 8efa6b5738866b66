package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/redis/go-redis/v9"
)

// open opens a client for url that is closed when the test ends.
func open(t *testing.T, url string) *Client {
	t.Helper()
	client, err := Open(Options{URL: url})
	if err != nil {
		t.Fatalf("Open(%q): %v", url, err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// onEach runs a test on a real server and on one in memory.
func onEach(t *testing.T, run func(t *testing.T, client *Client)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		t.Parallel()
		run(t, open(t, url))
	})
}

// publish publishes event and ends the test where that fails.
func publish(t *testing.T, client *Client, event Event, options PublishOptions) Published {
	t.Helper()
	published, err := client.Publish(t.Context(), event, options)
	if err != nil {
		t.Fatalf("Publish(%+v): %v", event, err)
	}
	return published
}

// entries reads the whole stream.
func entries(t *testing.T, client *Client) []redis.XMessage {
	t.Helper()
	messages, err := client.Redis().XRange(t.Context(), client.Keys().Stream(), "-", "+").Result()
	if err != nil {
		t.Fatalf("XRANGE: %v", err)
	}
	return messages
}

func TestPublish(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		event := fullEvent()
		published := publish(t, client, event, PublishOptions{MaxBytes: 1 << 20})
		messages := entries(t, client)
		if len(messages) != 1 || messages[0].ID != published.ID.String() || published.Repeated {
			t.Fatalf("Publish = %+v, and the stream holds %v, want that one entry, not repeated", published, messages)
		}
		entry := Entry{ID: published.ID}
		for name, value := range messages[0].Values {
			entry.Fields = append(entry.Fields, Field{name, value.(string)})
		}
		event.Time = event.Time.UTC()
		if got, err := Decode(entry, DecodeOptions{}); err != nil || !reflect.DeepEqual(got, event) {
			t.Errorf("Decode of what was published = %+v, %v, want %+v", got, err, event)
		}
	})
}

func TestPublishRepeat(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		event := fullEvent()
		first := publish(t, client, event, PublishOptions{})
		tests := map[string]struct {
			change  func(*Event)
			same    bool
			refused bool
		}{
			"the same":       {func(*Event) {}, true, false},
			"another trace":  {func(e *Event) { e.TraceParent = "00-ef" }, true, false},
			"another zone":   {func(e *Event) { e.Time = e.Time.UTC() }, true, false},
			"other data":     {func(e *Event) { e.Data = []byte("{}") }, false, true},
			"other header":   {func(e *Event) { e.Headers = map[string]string{"a": "second"} }, false, true},
			"other group":    {func(e *Event) { e.To = "other" }, false, true},
			"shifted bytes":  {func(e *Event) { e.Data, e.AggregateID = append(e.Data, '1'), "" }, false, true},
			"another ID":     {func(e *Event) { e.ID = "order-2" }, false, false},
			"another name":   {func(e *Event) { e.Name = "PAID" }, false, false},
			"a long ID":      {func(e *Event) { e.ID = strings.Repeat("x", 500) }, false, false},
			"bytes in an ID": {func(e *Event) { e.ID = "\x00 \xff" }, false, false},
		}
		for name, test := range tests {
			event := fullEvent()
			test.change(&event)
			got, err := client.Publish(t.Context(), event, PublishOptions{})
			if errors.Is(err, ErrDifferentContent) != test.refused || !test.refused && err != nil {
				t.Errorf("%s: Publish: error %v, want ErrDifferentContent: %t", name, err, test.refused)
			}
			if got.Repeated != test.same || (got.ID == first.ID) != (test.same || test.refused) {
				t.Errorf("%s: Publish = %+v after %s, want the same entry: %t", name, got, first.ID, test.same)
			}
		}
	})
}

func TestPublishedMarker(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		published := publish(t, client, Event{Name: "a:b", ID: "order-1"}, PublishOptions{})
		const key = "{event_stream}:published:a%3Ab:order-1"
		marker, err := client.Redis().Get(t.Context(), key).Result()
		if err != nil || !regexp.MustCompile("^"+published.ID.String()+" [0-9a-f]{64}$").MatchString(marker) {
			t.Errorf("GET %s = %q, %v, want the entry's ID %s and a digest", key, marker, err, published.ID)
		}
		left, err := client.Redis().PTTL(t.Context(), key).Result()
		if err != nil || left <= 9*time.Minute || left > 10*time.Minute {
			t.Errorf("PTTL %s = %v, %v, want 10 minutes", key, left, err)
		}
	})
}

func TestPublishGivesAnID(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		for range 2 {
			publish(t, client, Event{Name: "E"}, PublishOptions{})
		}
		messages := entries(t, client)
		if len(messages) != 2 || messages[0].Values["event_id"] == messages[1].Values["event_id"] {
			t.Fatalf("the stream holds %v, want two entries with different event_id", messages)
		}
		id := messages[0].Values["event_id"].(string)
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("event_id %q, want a UUID of version 7", id)
		}
	})
}

func TestPublishAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		var publishers sync.WaitGroup
		for range 20 {
			publishers.Go(func() {
				if _, err := client.Publish(t.Context(), fullEvent(), PublishOptions{}); err != nil {
					t.Errorf("Publish: %v", err)
				}
			})
		}
		publishers.Wait()
		if got := len(entries(t, client)); got != 1 {
			t.Errorf("20 publishers of one event made %d entries, want 1", got)
		}
	})
}

func TestPublishAfterScriptFlush(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		for _, options := range []PublishOptions{{}, {Wait: 1, WaitTimeout: time.Millisecond}} {
			client.Redis().ScriptFlush(t.Context())
			_, err := client.Publish(t.Context(), Event{Name: "E"}, options)
			if err != nil && !errors.Is(err, ErrNotReplicated) {
				t.Errorf("Publish with %+v after SCRIPT FLUSH: %v", options, err)
			}
		}
		if got := len(entries(t, client)); got != 2 {
			t.Errorf("the stream holds %d entries, want 2", got)
		}
	})
}

func TestPublishManyHeaders(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		event := Event{Name: "E", Headers: map[string]string{}}
		for i := range maxHeaders {
			event.Headers[fmt.Sprint(i)] = "x"
		}
		publish(t, client, event, PublishOptions{})
		if got := len(entries(t, client)[0].Values); got != maxHeaders+2 {
			t.Errorf("the entry has %d fields, want %d", got, maxHeaders+2)
		}
	})
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Memory(t).URL())
	tests := map[string]struct {
		event   Event
		options PublishOptions
		words   string
	}{
		"no name":       {Event{}, PublishOptions{}, "no name"},
		"too large":     {Event{Name: "E", Data: make([]byte, 100)}, PublishOptions{MaxBytes: 100}, "at most 100"},
		"negative wait": {Event{Name: "E"}, PublishOptions{Wait: -1}, "Wait -1"},
		"long wait":     {Event{Name: "E"}, PublishOptions{Wait: 1, WaitTimeout: time.Minute}, "WaitTimeout 1m0s"},
	}
	for name, test := range tests {
		_, err := client.Publish(t.Context(), test.event, test.options)
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: Publish: error %v, want one with %q", name, err, test.words)
		}
	}
	if got := len(entries(t, client)); got != 0 {
		t.Errorf("the stream holds %d entries, want none", got)
	}
}

// TestPublishLostReply swallows the first replies: the event was added, nobody was told, and asking again finds it.
func TestPublishLostReply(t *testing.T) {
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
			publish(t, client, Event{Name: "WARM_UP"}, PublishOptions{})
			proxy.DropReplies(2)
			event := Event{Name: "E", ID: "order-1"}
			if got := publish(t, client, event, options); !got.Repeated {
				t.Errorf("Publish = %+v, want Repeated: its first try was the one that added the event", got)
			}
			proxy.DropReplies(2)
			if got := publish(t, client, Event{Name: "E"}, options); got.Repeated {
				t.Errorf("Publish of an event without ID = %+v, want it not repeated", got)
			}
			if got := len(entries(t, client)); got != 3 {
				t.Errorf("the stream holds %d entries, want 3", got)
			}
		})
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := open(t, server.URL())
	publish(t, client, Event{Name: "E"}, PublishOptions{})
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := client.Publish(ctx, Event{Name: "E"}, PublishOptions{}); err == nil {
		t.Error("Publish to a server that is gone: no error")
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Publish took %v with 300ms to live", took)
	}
}

func TestPublishThroughRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes")
	client := open(t, server.URL())
	publish(t, client, Event{Name: "E"}, PublishOptions{})
	server.Stop()
	done := make(chan error, 1)
	go func() {
		_, err := client.Publish(t.Context(), Event{Name: "E"}, PublishOptions{})
		done <- err
	}()
	server.Restart()
	if err := <-done; err != nil {
		t.Errorf("Publish while Redis starts again: %v", err)
	}
	if got := len(entries(t, client)); got != 2 {
		t.Errorf("the stream holds %d entries, want 2", got)
	}
}

func TestPublishErrorsInPlainWords(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		set   func(*redistest.Server)
		words []string
	}{
		"out of memory": {
			func(s *redistest.Server) { s.CLI("config", "set", "maxmemory", "1") },
			[]string{"OOM", "maxmemory"},
		},
		"a replica": {
			func(s *redistest.Server) { s.CLI("replicaof", "127.0.0.1", "1") },
			[]string{"READONLY", "connect to the master"},
		},
		"no permission": {
			func(s *redistest.Server) { s.CLI("acl", "setuser", "default", "-xadd") },
			[]string{"lacks a permission: grant it"},
		},
		"no password": {
			func(s *redistest.Server) { s.CLI("config", "set", "requirepass", "x") },
			[]string{"unauthenticated", "put it in the URL"},
		},
		"no stream": {
			func(s *redistest.Server) { s.CLI("set", "event_stream", "x") },
			[]string{"WRONGTYPE", "another stream name"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			client := open(t, server.URL())
			test.set(server)
			event := Event{Name: "E", ID: "order-1", Data: []byte("SECRET")}
			err := within(t, 500*time.Millisecond, func(ctx context.Context) error {
				_, err := client.Publish(ctx, event, PublishOptions{})
				return err
			})
			checkWords(t, "Publish", err, append(test.words, "publish E", "order-1"))
			err = within(t, 500*time.Millisecond, func(ctx context.Context) error {
				_, err := client.PublishBatch(ctx, []Event{event}, PublishOptions{})
				return err
			})
			checkWords(t, "PublishBatch", err, append(test.words, "publish events[0:1] of 1"))
			if name != "no password" {
				if exists := server.CLI("exists", "{event_stream}:published:E:order-1"); exists != "0" {
					t.Errorf("EXISTS of the marker of an event that was refused = %s, want 0", exists)
				}
			}
		})
	}
}

// TestPublishWithoutMarker shows that nothing is added where the marker cannot be written, and that a marker which tells
// of nothing is none.
func TestPublishWithoutMarker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := open(t, server.URL())
	event := Event{Name: "E", ID: "order-1"}
	server.CLI("acl", "setuser", "default", "-set")
	_, err := client.Publish(t.Context(), event, PublishOptions{})
	checkWords(t, "Publish without SET", err, []string{"lacks a permission", "order-1"})
	if got := server.CLI("xlen", "event_stream"); got != "0" {
		t.Errorf("Publish without SET: the stream holds %s entries, want none", got)
	}
	server.CLI("acl", "setuser", "default", "+set", "-xadd", "-pexpire")
	_, err = client.Publish(t.Context(), event, PublishOptions{})
	checkWords(t, "Publish without XADD and PEXPIRE", err, []string{"lacks a permission", "order-1"})
	server.CLI("acl", "setuser", "default", "+xadd", "+pexpire")
	first := publish(t, client, event, PublishOptions{})
	again := publish(t, client, event, PublishOptions{})
	if first.Repeated || !again.Repeated || again.ID != first.ID {
		t.Errorf("Publish with all permissions = %+v, then %+v, want a new entry and its repeat", first, again)
	}
}

// within runs call with a context that ends after limit.
func within(t *testing.T, limit time.Duration, call func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return call(ctx)
}

// checkWords checks that err has all words and does not repeat the data.
func checkWords(t *testing.T, call string, err error, words []string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: error %v, want one with %q", call, err, word)
		}
	}
	if err != nil && strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%s: error %v repeats the data", call, err)
	}
}

// startReplica starts a replica of server and returns when it is in step.
func startReplica(t *testing.T, server *redistest.Server) *redistest.Server {
	t.Helper()
	host, port, _ := strings.Cut(server.Addr(), ":")
	replica := redistest.Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	server.CLI("config", "set", "repl-diskless-sync-delay", "0")
	await(t, "the replica is in step", func() bool {
		return strings.Contains(replica.CLI("info", "replication"), "master_link_status:up")
	})
	return replica
}

// await asks until done, and ends the test after 20 s.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

func TestPublishWait(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	replica := startReplica(t, server)
	client := open(t, server.URL())
	event := Event{Name: "E", ID: "order-1"}
	first := publish(t, client, event, PublishOptions{Wait: 1})
	if got := replica.CLI("xlen", "event_stream"); got != "1" {
		t.Errorf("XLEN on the replica after Publish with Wait 1 = %s, want 1", got)
	}
	got, err := client.Publish(t.Context(), event, PublishOptions{Wait: 2, WaitTimeout: 50 * time.Millisecond})
	if !errors.Is(err, ErrNotReplicated) || got.ID != first.ID || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("Publish with Wait 2 = %+v, %v, want %s and ErrNotReplicated with 1 of 2", got, err, first.ID)
	}
	replica.Pause()
	defer replica.Resume()
	_, err = client.Publish(t.Context(), event, PublishOptions{Wait: 1, WaitTimeout: 50 * time.Millisecond})
	if !errors.Is(err, ErrNotReplicated) {
		t.Errorf("repeated Publish with Wait 1 and a replica that stands still: error %v, want ErrNotReplicated", err)
	}
}

func TestPublishCommand(t *testing.T) {
	onEach(t, func(t *testing.T, client *Client) {
		command := PublishCommand(client.Keys(), fullEvent())
		if got, want := command[:5].String(), `XADD event_stream "*" event NEW_ORDER_RECEIVED`; got != want {
			t.Errorf("PublishCommand begins %s, want %s", got, want)
		}
		if err := client.Redis().Do(t.Context(), words(command)...).Err(); err != nil {
			t.Fatalf("run %q: %v", command, err)
		}
		publish(t, client, fullEvent(), PublishOptions{})
		messages := entries(t, client)
		if !reflect.DeepEqual(messages[0].Values, messages[1].Values) {
			t.Errorf("the command added %v, Publish %v, want the same", messages[0].Values, messages[1].Values)
		}
	})
}
