package tracking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/tracking"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// shop is one server and the handler that keeps statuses there.
type shop struct {
	*testing.T
	redis   *redis.Client
	handler consumers.Handler
}

// onEach runs a test on the real server and on the one in memory.
func onEach(t *testing.T, options tracking.Options, run func(s shop)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		parsed, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(parsed)
		t.Cleanup(func() { _ = client.Close() })
		run(newShop(t, client, options))
	})
}

func newShop(t *testing.T, client *redis.Client, options tracking.Options) shop {
	t.Helper()
	options.Redis = client
	handler, err := tracking.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return shop{T: t, redis: client, handler: handler}
}

// handle delivers an event and returns its result.
func (s shop) handle(name, id, data string) (string, error) {
	delivery := &consumers.Delivery{Event: stream.Event{
		Name: name, ID: id, Data: []byte(data), Time: time.UnixMilli(1763700000000),
	}}
	err := s.handler.Handle(s.Context(), delivery)
	return string(delivery.Result), err
}

// must delivers an event that succeeds with the result want.
func (s shop) must(name, id, data, want string) {
	s.Helper()
	if got, err := s.handle(name, id, data); err != nil || got != want {
		s.Errorf("%s %s %s: got %q, %v, want %q", name, id, data, got, err, want)
	}
}

func (s shop) want(key, field, want string) {
	s.Helper()
	if got := s.redis.HGet(s.Context(), key, field).Val(); got != want {
		s.Errorf("%s of %s: got %q, want %q", field, key, got, want)
	}
}

func (s shop) history(key string) []redis.XMessage {
	s.Helper()
	entries, err := s.redis.XRange(s.Context(), key, "-", "+").Result()
	if err != nil {
		s.Fatal(err)
	}
	return entries
}

// isPermanent looks at the type's name, since only the package consumers can look into it.
func isPermanent(err error) bool { return fmt.Sprintf("%T", err) == "*consumers.permanentError" }

func TestOneOrderFromReceivedToReturned(t *testing.T) {
	onEach(t, tracking.Options{}, func(s shop) {
		const key = "{tracking}:order:SO%3A1"
		before := time.Now().Add(-time.Minute).UnixMilli()
		s.must("NEW_ORDER_RECEIVED", "1", `{"order_id":"SO:1"}`, "received")
		s.must("ORDER_SHIPPED", "2", `{"order_id":"SO:1","order_no":"N7","carrier":"顺丰速运","tracking_number":"SF1"}`, "shipped")
		s.must("ORDER_SHIPPED", "2", `{"order_id":"SO:1","carrier":"other"}`, "shipped")
		s.must("ORDER_PACKED", "3", `{"order_id":"SO:1","carrier":"late"}`, "shipped (packed came late)")
		s.must("ORDER_SHIPPED", "4", `{"order_id":"SO:1"}`, "shipped")
		s.must("CARRIER_REPORT", "5", `{"order_id":"SO:1","status":"Out-For Delivery"}`, "out_for_delivery")
		s.must("ORDER_CANCELED", "6", `{"order_id":"SO:1"}`, "cancelled")
		s.must("ORDER_DELIVERED", "7", `{"order_id":"SO:1"}`, "delivered")
		s.must("ORDER_CANCELLED", "8", `{"order_id":"SO:1"}`, "delivered (cancelled came late)")
		s.must("ORDER_RETURNED", "9", `{"order_id":"SO:1","tracking_number":"BACK1"}`, "returned")
		for field, want := range map[string]string{
			"status": "returned", "event": "ORDER_RETURNED", "event_id": "9",
			"carrier": "顺丰速运", "tracking_number": "BACK1", "order_no": "N7",
		} {
			s.want(key, field, want)
		}
		updated, err := s.redis.HGet(s.Context(), key, "updated_at").Int64()
		if after := time.Now().Add(time.Minute).UnixMilli(); err != nil || updated < before || updated > after {
			s.Errorf("updated_at: got %d, %v, want the server's milliseconds", updated, err)
		}
		var got []string
		for _, entry := range s.history(key + ":history") {
			got = append(got, fmt.Sprint(entry.Values["event_id"], entry.Values["status"], entry.Values["applied"]))
		}
		want := []string{
			"1receivedyes", "2shippedyes", "3packedno", "4shippedno", "5out_for_deliveryyes",
			"6cancelledyes", "7deliveredyes", "8cancelledno", "9returnedyes",
		}
		if !slices.Equal(got, want) {
			s.Errorf("history: got %q, want %q", got, want)
		}
		second := s.history(key + ":history")[1].Values
		if second["carrier"] != "顺丰速运" || second["tracking_number"] != "SF1" || second["happened_at"] != "1763700000000" {
			s.Errorf("the second entry: got %v, want what the event said", second)
		}
		for _, kept := range []string{key, key + ":history", "{tracking}:seen:ORDER_SHIPPED:2"} {
			left := s.redis.PTTL(s.Context(), kept).Val()
			if left > tracking.DefaultKeep || left < tracking.DefaultKeep-time.Minute {
				s.Errorf("%s is kept for %v, want %v", kept, left, tracking.DefaultKeep)
			}
		}
	})
}

// TestAnyOrderOfEventsEndsTheSame delivers the same events in random orders, at once and more than once.
func TestAnyOrderOfEventsEndsTheSame(t *testing.T) {
	onEach(t, tracking.Options{History: 1000}, func(s shop) {
		statuses := tracking.Statuses()
		for round := range 25 {
			random := rand.New(rand.NewPCG(uint64(round), 7))
			furthest, events := 0, 1+random.IntN(12)
			var deliveries []func() error
			for event := range events {
				rank := random.IntN(len(statuses))
				furthest = max(furthest, rank)
				data := fmt.Sprintf(`{"order_id":%d,"status":%q}`, round, statuses[rank])
				for range 1 + random.IntN(3) {
					deliveries = append(deliveries, func() error {
						_, err := s.handle("REPORT", fmt.Sprintf("%d-%d", round, event), data)
						return err
					})
				}
			}
			random.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
			var work sync.WaitGroup
			for _, deliver := range deliveries {
				work.Go(func() {
					if err := deliver(); err != nil {
						s.Error(err)
					}
				})
			}
			work.Wait()
			key := "{tracking}:order:" + strconv.Itoa(round)
			s.want(key, "status", statuses[furthest])
			s.checkHistory(round, events)
		}
	})
}

// checkHistory tests that each event stands in the history once, and that what was applied only goes forward.
func (s shop) checkHistory(round, events int) {
	s.Helper()
	seen, last := map[any]int{}, -1
	for _, entry := range s.history("{tracking}:order:" + strconv.Itoa(round) + ":history") {
		seen[entry.Values["event_id"]]++
		status, _ := entry.Values["status"].(string)
		rank := slices.Index(tracking.Statuses(), status)
		if applied := entry.Values["applied"] == "yes"; applied != (rank > last) {
			s.Errorf("round %d: %s after %d was applied: %v, want %v", round, status, last, applied, rank > last)
		}
		last = max(last, rank)
	}
	for id, times := range seen {
		if times != 1 {
			s.Errorf("round %d: event %v stands in the history %d times, want once", round, id, times)
		}
	}
	if len(seen) != events {
		s.Errorf("round %d: %d events in the history, want %d", round, len(seen), events)
	}
}

func TestWhichOrder(t *testing.T) {
	onEach(t, tracking.Options{TrackingKey: "{shop}:parcels"}, func(s shop) {
		s.must("ORDER_SHIPPED", "1", `{"order_no":"N1"}`, "shipped")
		s.want("{shop}:parcels:order:N1", "status", "shipped")
		delivery := &consumers.Delivery{Event: stream.Event{
			Name: "ORDER_SHIPPED", ID: "2", Data: []byte(`{}`), AggregateID: "A7",
		}}
		if err := s.handler.Handle(s.Context(), delivery); err != nil {
			s.Error(err)
		}
		s.want("{shop}:parcels:order:A7", "status", "shipped")
		// An order whose ID looks like the history of another has keys of its own.
		s.must("ORDER_SHIPPED", "3", `{"order_id":"N1:history"}`, "shipped")
		s.want("{shop}:parcels:order:N1%3Ahistory", "status", "shipped")
	})
}

func TestHistoryKeepsTheLast(t *testing.T) {
	onEach(t, tracking.Options{History: 3}, func(s shop) {
		for i := range 10 {
			if _, err := s.handle("ORDER_IN_TRANSIT", strconv.Itoa(i), `{"order_id":1}`); err != nil {
				s.Fatal(err)
			}
		}
		entries := s.history("{tracking}:order:1:history")
		if len(entries) != 3 || entries[2].Values["event_id"] != "9" {
			s.Errorf("history: got %v, want the last 3", entries)
		}
		s.must("ORDER_IN_TRANSIT", "0", `{"order_id":1}`, "in_transit")
		if again := s.history("{tracking}:order:1:history"); again[2].Values["event_id"] != "9" {
			s.Errorf("an event that the history has forgotten was recorded again: %v", again)
		}
	})
}

func TestOwnStatuses(t *testing.T) {
	onEach(t, tracking.Options{Statuses: map[string]string{"order.sent": "shipped"}}, func(s shop) {
		s.must("order.sent", "1", `{"order_id":1,"status":"whatever the shop calls it"}`, "shipped")
		if _, err := s.handle("ORDER_SHIPPED", "2", `{"order_id":1}`); !isPermanent(err) || !strings.Contains(err.Error(), "statuses") {
			s.Errorf("an event that is not in statuses: got %v, want a permanent error", err)
		}
		s.redis.HSet(s.Context(), "{tracking}:order:1", "status", "lost at sea")
		s.must("order.sent", "3", `{"order_id":1}`, "shipped") // what a person wrote there ranks below all
	})
}

func TestBadEventsArePermanentAndRedisErrorsAreNot(t *testing.T) {
	onEach(t, tracking.Options{}, func(s shop) {
		for _, data := range []string{
			``, `[]`, `Array`, `{}`, `{"carrier":"x"}`, `{"order_id":1.5}`, `{"order_id":[]}`,
			`{"order_id":1,"carrier":{"id":1}}`, `{"order_id":"` + strings.Repeat("x", 301) + `"}`,
		} {
			if got, err := s.handle("ORDER_SHIPPED", "1", data); !isPermanent(err) {
				s.Errorf("data %.40s: got %q, %v, want a permanent error", data, got, err)
			}
		}
		_, err := s.handle("REPORT", "1", `{"order_id":1,"status":"secretly lost"}`)
		if !isPermanent(err) || strings.Contains(err.Error(), "secretly") || !strings.Contains(err.Error(), "in_transit") {
			s.Errorf("an unknown status: got %v, want a permanent error that lists the known ones", err)
		}
		if keys := s.redis.Keys(s.Context(), "*").Val(); len(keys) > 0 {
			s.Errorf("keys: got %q, want none", keys)
		}
		for _, key := range []string{"{tracking}:order:1", "{tracking}:order:1:history"} {
			s.redis.Set(s.Context(), key, "a string", 0)
			if _, err := s.handle("ORDER_SHIPPED", "1", `{"order_id":1}`); err == nil || isPermanent(err) {
				s.Errorf("%s of another type: got %v, want an error that is retried", key, err)
			}
			if keys := s.redis.Keys(s.Context(), "*").Val(); len(keys) != 1 {
				s.Errorf("%s of another type: keys %q, want it alone", key, keys)
			}
			s.redis.Del(s.Context(), key)
		}
		s.redis.Set(s.Context(), "{tracking}:seen:ORDER_SHIPPED:9", "", 0)
		if _, err := s.handle("ORDER_SHIPPED", "9", `{"order_id":1}`); err == nil || isPermanent(err) {
			s.Errorf("a marker that says nothing: got %v, want an error that is retried", err)
		}
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		err = s.handler.Handle(ctx, &consumers.Delivery{Event: stream.Event{
			Name: "ORDER_SHIPPED", ID: "2", Data: []byte(`{"order_id":1}`),
		}})
		if !errors.Is(err, context.Canceled) || isPermanent(err) {
			s.Errorf("no time left: got %v, want an error that is retried", err)
		}
	})
}

// TestOutOfMemoryChangesNothing fills a server up to its limit.
func TestOutOfMemoryChangesNothing(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t, "--maxmemory-policy", "noeviction").Client()
	s := newShop(t, client, tracking.Options{})
	s.must("NEW_ORDER_RECEIVED", "1", `{"order_id":1}`, "received")
	client.ConfigSet(t.Context(), "maxmemory", "1")
	if _, err := s.handle("ORDER_SHIPPED", "2", `{"order_id":1}`); err == nil || isPermanent(err) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("without memory: got %v, want an error that is retried", err)
	}
	client.ConfigSet(t.Context(), "maxmemory", "0")
	s.want("{tracking}:order:1", "status", "received")
	s.must("ORDER_SHIPPED", "2", `{"order_id":1}`, "shipped")
}

func TestRunsInACluster(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	client, err := stream.Open(stream.Options{URL: redistest.ClusterURL(servers)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	handler, err := tracking.New(tracking.Options{Redis: client.Redis()})
	if err != nil {
		t.Fatal(err)
	}
	delivery := &consumers.Delivery{Event: stream.Event{Name: "ORDER_SHIPPED", ID: "1", Data: []byte(`{"order_id":1}`)}}
	if err := handler.Handle(t.Context(), delivery); err != nil || string(delivery.Result) != "shipped" {
		t.Errorf("in a cluster: got %q, %v, want shipped", delivery.Result, err)
	}
}

func TestRunsOnTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	parsed, err := redis.ParseURL(redistest.StartEmbedded(t, tracking.ScriptTexts()))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(parsed)
	t.Cleanup(func() { _ = client.Close() })
	s := newShop(t, client, tracking.Options{})
	s.must("ORDER_SHIPPED", "1", `{"order_id":1}`, "shipped")
	s.want("{tracking}:order:1", "status", "shipped")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	client := redistest.Memory(t).Client()
	for _, test := range []struct {
		options tracking.Options
		want    string
	}{
		{tracking.Options{}, "tracking: redis: expected a client"},
		{tracking.Options{Redis: client, TrackingKey: "a b"}, `tracking: stream name "a b"`},
		{tracking.Options{Redis: client, Keep: time.Microsecond}, "tracking: keep: expected at least 1ms, got 1µs"},
		{tracking.Options{Redis: client, History: -1}, "tracking: history: expected at least 1, got -1"},
		{
			tracking.Options{Redis: client, History: -1, Statuses: map[string]string{"A": "gone"}},
			"tracking: history: expected at least 1, got -1\nstatuses: A: expected one of received, printed",
		},
	} {
		if _, err := tracking.New(test.options); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("New(%+v): got %v, want %s", test.options, err, test.want)
		}
	}
}
