package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/inventory"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// shop is one stock on one server, and its handler.
type shop struct {
	*testing.T
	redis   *redis.Client
	handler consumers.Handler
}

// onEach runs a test on the real server and on the one in memory. stock is product, quantity, product, quantity ...
func onEach(t *testing.T, stock []any, run func(s shop)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		options, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		handler, err := inventory.New(inventory.Options{Redis: client})
		if err != nil {
			t.Fatal(err)
		}
		if len(stock) > 0 {
			if err := client.HSet(t.Context(), "stock", stock...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		run(shop{T: t, redis: client, handler: handler})
	})
}

// line is one item of an order.
func line(product string, quantity int64) string {
	return fmt.Sprintf(`{"product_id":%s,"quantity":%d}`, strconv.Quote(product), quantity)
}

func (s shop) order(eventID string, lines ...string) error {
	return s.handler.Handle(s.Context(), &consumers.Delivery{Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED", ID: eventID,
		Data: []byte(`{"order_id":"` + eventID + `","items":[` + strings.Join(lines, ",") + `]}`),
	}})
}

func (s shop) hash(key string) map[string]string {
	s.Helper()
	hash, err := s.redis.HGetAll(s.Context(), key).Result()
	if err != nil {
		s.Fatal(err)
	}
	return hash
}

func (s shop) want(key string, want map[string]string) {
	s.Helper()
	if got := s.hash(key); !maps.Equal(got, want) {
		s.Errorf("%s: got %v, want %v", key, got, want)
	}
}

// isPermanent looks at the type's name, since only the package consumers can look into it.
func isPermanent(err error) bool { return fmt.Sprintf("%T", err) == "*consumers.permanentError" }

func TestReserveOncePerEvent(t *testing.T) {
	onEach(t, []any{"1", 100, "2", 5}, func(s shop) {
		for range 3 { // the process died before the ack, twice
			if err := s.order("o:7", line("1", 2), line("2", 1), line("1", 3)); err != nil {
				s.Fatal(err)
			}
		}
		s.want("stock", map[string]string{"1": "95", "2": "4"})
		const reservation = "{stock}:reserved:NEW_ORDER_RECEIVED:o:7"
		s.want(reservation, map[string]string{"1": "5", "2": "1"})
		kept, err := s.redis.PTTL(s.Context(), reservation).Result()
		if err != nil || kept > inventory.DefaultKeep || kept < inventory.DefaultKeep-time.Minute {
			s.Errorf("kept for %v, %v, want %v", kept, err, inventory.DefaultKeep)
		}
		if err := s.order("8", line("1", 95), line("2", 4)); err != nil {
			s.Errorf("the last pieces: %v", err)
		}
		s.want("stock", map[string]string{"1": "0", "2": "0"})
	})
}

func TestNothingIsReservedWhereAnythingIsShort(t *testing.T) {
	const long = "a product whose name goes on and on, far beyond what anybody would want to see in an error"
	stock := map[string]string{
		"1": "100", "2": "3", "3": "-4", "4": "12.5", "5": "", "6": " 7", "7": "007", "8": "+8",
		"9": "9223372036854775808", "10": "1e3", "11": "viel\nmehr", "12": "0", long: "0",
	}
	tests := []struct {
		product string
		want    string
	}{
		{"2", `product "2": wanted 4, available 3`},
		{"3", `product "3": wanted 4, available -4`},
		{"4", `product "4": wanted 4, but the stock is no whole number: "12.5"`},
		{"5", `product "5": wanted 4, but the stock is no whole number: ""`},
		{"6", `product "6": wanted 4, but the stock is no whole number: " 7"`},
		{"7", `product "7": wanted 4, but the stock is no whole number: "007"`},
		{"8", `product "8": wanted 4, but the stock is no whole number: "+8"`},
		{"9", `product "9": wanted 4, but the stock is no whole number: "9223372036854775808"`},
		{"10", `product "10": wanted 4, but the stock is no whole number: "1e3"`},
		{"11", `product "11": wanted 4, but the stock is no whole number: "viel\nmehr"`},
		{"12", `product "12": wanted 4, available 0`},
		{"none", `product "none": wanted 4, not in the stock`},
		{long, `product "a product whose name goes on and on, far beyond what anybody…": wanted 4, available 0`},
	}
	onEach(t, []any{stock}, func(s shop) {
		lines, all := []string{line("1", 5)}, []string{}
		for i, test := range tests {
			err := s.order(strconv.Itoa(i), line("1", 5), line(test.product, 4))
			want := `reserve stock in "stock": ` + test.want
			if !isPermanent(err) || err.Error() != want {
				s.Errorf("order of %.20q:\n got %v (permanent %v)\nwant %s", test.product, err, isPermanent(err), want)
			}
			lines, all = append(lines, line(test.product, 4)), append(all, test.want)
		}
		if err := s.order("all", lines...); !isPermanent(err) || err.Error() != `reserve stock in "stock": `+strings.Join(all, "; ") {
			s.Errorf("order of all: got %v, want all of them", err)
		}
		s.want("stock", stock)
		if keys := s.redis.Keys(s.Context(), "*reserved*").Val(); len(keys) > 0 {
			s.Errorf("reservations: got %q, want none", keys)
		}
		s.redis.HSet(s.Context(), "stock", "2", 10)
		if err := s.order("0", line("1", 5), line("2", 4)); err != nil {
			s.Errorf("the same event after the stock was filled up: %v", err)
		}
	})
}

func TestSumOfLinesIsWhatMustBeThere(t *testing.T) {
	onEach(t, []any{"1", 5}, func(s shop) {
		err := s.order("1", line("1", 3), line("1", 3))
		if want := `product "1": wanted 6, available 5`; !isPermanent(err) || !strings.Contains(err.Error(), want) {
			s.Errorf("got %v, want %s", err, want)
		}
		s.want("stock", map[string]string{"1": "5"})
	})
}

func TestManyOrdersAtOnce(t *testing.T) {
	onEach(t, nil, func(s shop) {
		const orders, products, each = 100, 10, 65
		for product := range products {
			s.redis.HSet(s.Context(), "stock", strconv.Itoa(product), each)
		}
		var work sync.WaitGroup
		reserved := make([]bool, orders)
		for i := range orders {
			work.Go(func() {
				err := s.order(strconv.Itoa(i), line(strconv.Itoa(i%products), 7), line(strconv.Itoa((i+3)%products), 2))
				if reserved[i] = err == nil; err != nil && !isPermanent(err) {
					s.Errorf("order %d: %v", i, err)
				}
			})
		}
		work.Wait()
		left := make([]int, products)
		for product := range left {
			left[product] = each
		}
		for i, done := range reserved {
			if done {
				left[i%products] -= 7
				left[(i+3)%products] -= 2
			}
		}
		want, refused := map[string]string{}, 0
		for product, quantity := range left {
			if quantity < 0 {
				s.Errorf("product %d is oversold: %d", product, quantity)
			}
			want[strconv.Itoa(product)] = strconv.Itoa(quantity)
		}
		for _, done := range reserved {
			if !done {
				refused++
			}
		}
		if refused == 0 || refused == orders {
			s.Errorf("%d of %d orders were refused; the test wants some of both", refused, orders)
		}
		s.want("stock", want)
	})
}

func TestOneEventDeliveredFiftyTimesAtOnce(t *testing.T) {
	onEach(t, []any{"1", 100}, func(s shop) {
		var work sync.WaitGroup
		for range 50 {
			work.Go(func() {
				if err := s.order("7", line("1", 3)); err != nil {
					s.Error(err)
				}
			})
		}
		work.Wait()
		s.want("stock", map[string]string{"1": "97"})
	})
}

func TestLargeQuantitiesAreExact(t *testing.T) {
	onEach(t, []any{"1", 1<<53 + 1, "2", int64(math.MaxInt64), "3", "9", "4", "10"}, func(s shop) {
		if err := s.order("1", line("1", 1), line("2", 1_000_000_000)); err != nil {
			s.Error(err)
		}
		s.want("stock", map[string]string{"1": "9007199254740992", "2": "9223372035854775807", "3": "9", "4": "10"})
		if err := s.order("2", line("4", 9)); err != nil { // 9 is the larger text
			s.Error(err)
		}
		if err := s.order("3", line("3", 10)); !isPermanent(err) {
			s.Errorf("10 of 9: got %v, want a permanent error", err)
		}
	})
}

func TestOrderOfAThousandLines(t *testing.T) {
	onEach(t, nil, func(s shop) {
		var lines []string
		want := map[string]string{}
		for i := range 1000 {
			lines = append(lines, line("p"+strconv.Itoa(i), int64(i+1)))
			s.redis.HSet(s.Context(), "stock", "p"+strconv.Itoa(i), i+2)
			want["p"+strconv.Itoa(i)] = "1"
		}
		if err := s.order("1", lines...); err != nil {
			s.Fatal(err)
		}
		s.want("stock", want)
		if got := s.hash("{stock}:reserved:NEW_ORDER_RECEIVED:1"); len(got) != 1000 || got["p999"] != "1000" {
			s.Errorf("reservation: got %d products, p999: %s, want 1000 and 1000", len(got), got["p999"])
		}
		err := s.order("2", lines...)
		if !isPermanent(err) || len(err.Error()) > stream.MaxErrorBytes || !strings.Contains(err.Error(), "more") {
			s.Errorf("all but one are short: got %d bytes: %v, want at most %d", len(err.Error()), err, stream.MaxErrorBytes)
		}
		s.want("stock", want)
	})
}

func TestHostileProductIDs(t *testing.T) {
	products := []string{"KEYS[1]", "*", "-1", "\x00", "']); redis.call('FLUSHALL') --", "$(reboot)", "{x}", "产品", "%s%n", `"`, "NX", "#1"}
	var stock []any
	for _, product := range products {
		stock = append(stock, product, 10)
	}
	onEach(t, stock, func(s shop) {
		want := map[string]string{}
		for i, product := range products {
			data := fmt.Sprintf(`{"order_id":1,"items":[{"product_id":%s,"quantity":3}]}`, asJSON(product))
			err := s.handler.Handle(s.Context(), &consumers.Delivery{Event: stream.Event{Name: "E", ID: strconv.Itoa(i), Data: []byte(data)}})
			if want[product] = "7"; err != nil {
				if want[product] = "10"; !isPermanent(err) { // the order's decoder refuses some
					s.Errorf("product %q: %v", product, err)
				}
			}
		}
		s.want("stock", want)
	})
}

func asJSON(text string) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for _, r := range text {
		if r < ' ' || r == '"' || r == '\\' {
			fmt.Fprintf(&quoted, `\u%04x`, r)
		} else {
			quoted.WriteRune(r)
		}
	}
	return quoted.String() + `"`
}

func TestBadDataIsPermanentAndRedisErrorsAreNot(t *testing.T) {
	onEach(t, []any{"1", 100}, func(s shop) {
		for _, data := range []string{
			``, `{}`, `[]`, `{"order_id":1,"items":[]}`, `{"order_id":1,"items":[{"product_id":1,"quantity":0}]}`,
			`{"order_id":1,"items":[{"product_id":1,"quantity":-5}]}`, `{"order_id":1,"items":[{"product_id":1,"quantity":1.5}]}`,
		} {
			err := s.handler.Handle(s.Context(), &consumers.Delivery{Event: stream.Event{Name: "E", ID: "1", Data: []byte(data)}})
			if !isPermanent(err) {
				s.Errorf("data %s: got %v, want a permanent error", data, err)
			}
		}
		s.want("stock", map[string]string{"1": "100"})
		s.redis.Del(s.Context(), "stock")
		s.redis.Set(s.Context(), "stock", "a string", 0)
		if err := s.order("2", line("1", 1)); err == nil || isPermanent(err) || !strings.Contains(err.Error(), "WRONGTYPE") {
			s.Errorf("a stock of another type: got %v, want an error that is retried", err)
		}
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		err := s.handler.Handle(ctx, &consumers.Delivery{Event: stream.Event{
			Name: "E", ID: "1",
			Data: []byte(`{"order_id":1,"items":[{"product_id":1,"quantity":1}]}`),
		}})
		if err == nil || isPermanent(err) {
			s.Errorf("no time left: got %v, want an error that is retried", err)
		}
	})
}

// TestOutOfMemoryChangesNothing fills a server up to its limit.
func TestOutOfMemoryChangesNothing(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t, "--maxmemory-policy", "noeviction").Client()
	handler, err := inventory.New(inventory.Options{Redis: client})
	if err != nil {
		t.Fatal(err)
	}
	s := shop{T: t, redis: client, handler: handler}
	client.HSet(t.Context(), "stock", "1", 100)
	client.ConfigSet(t.Context(), "maxmemory", "1")
	if err := s.order("1", line("1", 5)); err == nil || isPermanent(err) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("without memory: got %v, want an error that is retried", err)
	}
	s.want("stock", map[string]string{"1": "100"})
	client.ConfigSet(t.Context(), "maxmemory", "0")
	if err := s.order("1", line("1", 5)); err != nil {
		t.Error(err)
	}
	s.want("stock", map[string]string{"1": "95"})
}

func TestStockKey(t *testing.T) {
	t.Parallel()
	server := redistest.Memory(t)
	client := server.Client()
	handler, err := inventory.New(inventory.Options{Redis: client, StockKey: "{shop}:stock", Keep: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := shop{T: t, redis: client, handler: handler}
	client.HSet(t.Context(), "{shop}:stock", "1", 3)
	if err := s.order("1", line("1", 2)); err != nil {
		t.Fatal(err)
	}
	s.want("{shop}:stock:reserved:NEW_ORDER_RECEIVED:1", map[string]string{"1": "2"})

	for _, test := range []struct {
		options inventory.Options
		want    string
	}{
		{inventory.Options{}, "inventory: redis"},
		{inventory.Options{Redis: client, StockKey: "a b"}, "inventory: stock_key"},
		{inventory.Options{Redis: client, StockKey: "a{b"}, "inventory: stock_key"},
		{inventory.Options{Redis: client, Keep: -time.Hour}, "inventory: keep"},
		{inventory.Options{Redis: client, Keep: time.Microsecond}, "inventory: keep"},
	} {
		if _, err := inventory.New(test.options); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("New(%+v): got %v, want %s", test.options, err, test.want)
		}
	}
}
