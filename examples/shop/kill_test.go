package shop_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// The flags of TestKills, whose long run is
//
//	go test ./examples/shop -run TestKills -v -orders 10000 -timeout 30m
const (
	flagOrders = "orders"
	flagPace   = "pace"
	flagSeed   = "seed"
)

// addFlags is called before the flags are read.
func addFlags() {
	flag.Int(flagOrders, 400, "how many orders TestKills places")
	flag.Duration(flagPace, 12*time.Millisecond, "how long after one order TestKills places the next")
	flag.Int(flagSeed, 1, "what decides which processes TestKills kills, and when")
}

func flagValue[T any](name string) T {
	value, _ := flag.Lookup(name).Value.(flag.Getter).Get().(T)
	return value
}

const (
	replicas = 2
	products = 5
	// inStock is how many of each product there are at first.
	inStock = 1_000_000
	// leastPause and mostPause are between one kill and the next.
	leastPause, mostPause = 50 * time.Millisecond, 550 * time.Millisecond
)

// TestKills ends the program and the PHP processes that it runs by kill -9, at random, while orders come in. None may be
// lost, the stock must come out right, no label may be half written, and a mail or a webhook may come twice only where a
// kill came between.
func TestKills(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	needPHP(t)
	if _, err := os.Stat(childrenOf(os.Getpid())[0]); err != nil {
		t.Skip("no /proc here that tells which processes a process has started")
	}
	office, receiver := openPostOffice(t), startReceiver(t)
	s.configure(read(t, "testdata/kills.yaml"),
		"smtp://127.0.0.1:1025", "smtp://"+office.address,
		"http://127.0.0.1:9000/orders", receiver.url,
		"/srv/shop/loyalty_points.php", absolute(t, "../php/loyalty_points.php"))
	for product := range products {
		s.stock(strconv.Itoa(product), inStock)
	}
	orders := flagValue[int](flagOrders)
	killer := newKiller(s)
	placed := make(chan error, 1)
	began := time.Now()
	go func() { placed <- s.place(orders, flagValue[time.Duration](flagPace)) }()
	if err := killer.run(placed); err != nil {
		t.Fatal(err)
	}
	s.untilDrained(2*time.Minute + time.Duration(orders)*20*time.Millisecond)
	t.Logf("%d orders in %v: kill -9 of the program %d times and of a PHP process %d times", orders,
		time.Since(began).Round(time.Second), len(killer.kills), killer.killedPHP)
	if len(killer.kills) == 0 || killer.killedPHP == 0 {
		t.Errorf("too few kills to show anything")
	}
	killer.end(t)
	if len(killer.half) > 0 {
		t.Errorf("half written after a kill: %q", killer.half)
	}

	s.noDeadLetters()
	checkAllStock(t, s, orders)
	checkAllLabels(t, s, orders, len(killer.kills))
	checkAllMails(t, office.letters(), orders, killer.kills)
	checkAllTracked(t, s, orders)
	checkAllReserved(t, s, orders)
	checkAllPoints(t, s, orders)
	checkAllTold(t, receiver.received(), orders, killer.kills)
}

// number is the number of the nth order.
func number(n int) string { return fmt.Sprintf("K%06d", n) }

// eventID is the ID of its event.
func eventID(n int) string { return "order-" + number(n) }

// wants is what it asks for.
func wants(n int) (product string, quantity int64) { return strconv.Itoa(n % products), int64(1 + n%3) }

// place places the orders, one after the other.
func (s *shop) place(orders int, pace time.Duration) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := range orders {
		product, quantity := wants(n)
		data, err := json.Marshal(map[string]any{
			"order_id":         number(n),
			"customer":         map[string]string{"name": "王小明", "email": "customer" + strconv.Itoa(n%100) + "@example.com"},
			"shipping_address": map[string]string{"line1": "文三路138号", "city": "杭州市", "postal_code": "310012"},
			"items":            []any{map[string]any{"product_id": product, "quantity": quantity, "price": "2.50"}},
		})
		if err != nil {
			return err
		}
		fields := []any{"event", "NEW_ORDER_RECEIVED", "event_id", eventID(n), "aggregate_id", number(n), "data", data}
		if err := s.client.XAdd(s.Context(), &redis.XAddArgs{Stream: "event_stream", Values: fields}).Err(); err != nil {
			return fmt.Errorf("place order %d: %w", n, err)
		}
		<-ticker.C
	}
	return nil
}

// killer keeps replicas of the program running, and kills.
type killer struct {
	shop      *shop
	random    *rand.Rand
	running   []*service
	kills     []time.Time // of the program: when each had ended
	killedPHP int
	seen      map[string]bool // labels, by their file's name
	half      []string        // of those, what was not whole after a kill
}

func newKiller(s *shop) *killer {
	k := &killer{shop: s, random: rand.New(rand.NewPCG(uint64(flagValue[int](flagSeed)), 0)), seen: map[string]bool{}}
	for range replicas {
		k.running = append(k.running, k.start())
	}
	return k
}

func (k *killer) start() *service {
	return k.shop.start("MILLRACE_LEASE=5s", "MILLRACE_BACKOFF_MIN=100ms", "MILLRACE_BACKOFF_MAX=2s", "MILLRACE_LOG_LEVEL=warn")
}

// run kills until all orders are placed, and returns the error of that.
func (k *killer) run(placed <-chan error) error {
	for {
		pause := time.NewTimer(leastPause + time.Duration(k.random.Int64N(int64(mostPause-leastPause))))
		select {
		case err := <-placed:
			pause.Stop()
			return err
		case <-pause.C:
		}
		if at := k.random.IntN(replicas); k.random.IntN(2) == 0 {
			k.running[at].kill()
			k.kills = append(k.kills, time.Now())
			k.lookAtLabels()
			k.running[at] = k.start()
		} else if php := children(k.running[at].Process.Pid); len(php) > 0 {
			if syscall.Kill(php[k.random.IntN(len(php))], syscall.SIGKILL) == nil {
				k.killedPHP++
			}
		}
	}
}

// lookAtLabels looks at those that are new. What a kill leaves half written, the delivery that follows would mend.
func (k *killer) lookAtLabels() {
	for _, file := range k.shop.files("label-*") { // what is still being written begins with a dot
		if !k.seen[file] && !isWhole(file) {
			k.half = append(k.half, filepath.Base(file))
		}
		k.seen[file] = true
	}
}

// end terminates the replicas; nothing that they have started may be left.
func (k *killer) end(t *testing.T) {
	t.Helper()
	for _, running := range k.running {
		php := children(running.Process.Pid)
		running.terminate(t)
		for _, child := range php {
			if err := syscall.Kill(child, 0); err == nil {
				t.Errorf("process %d of PHP goes on after the program has ended", child)
			}
		}
	}
}

// childrenOf are the files that name what the threads of a process have started.
func childrenOf(pid int) []string {
	found, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	return append(found, "/proc/none")
}

// children are the processes that a process has started.
func children(pid int) []int {
	var found []int
	for _, file := range childrenOf(pid) {
		listed, _ := os.ReadFile(file) // a thread may have ended
		for word := range strings.FieldsSeq(string(listed)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}
