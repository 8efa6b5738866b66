package shop_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// atOnce is how many events one process of the program has in hand at most, for one handler.
const atOnce = 16

// checkAllStock counts the stock.
func checkAllStock(t *testing.T, s *shop, orders int) {
	t.Helper()
	want := map[string]string{}
	for product := range products {
		want[strconv.Itoa(product)] = strconv.Itoa(inStock)
	}
	for n := range orders {
		product, quantity := wants(n)
		left, _ := strconv.ParseInt(want[product], 10, 64)
		want[product] = strconv.FormatInt(left-quantity, 10)
	}
	got, err := s.client.HGetAll(t.Context(), "stock").Result()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stock: got %v, %v, want %v", got, err, want)
	}
	t.Logf("stock: exactly %v", got)
}

// checkAllLabels looks for each order's one label, whole, and for files that are none.
func checkAllLabels(t *testing.T, s *shop, orders, kills int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(s.dir, "printed"))
	if err != nil {
		t.Fatal(err)
	}
	labels, leftovers := map[string]int{}, 0
	for _, file := range files {
		if strings.HasPrefix(file.Name(), ".tmp-") {
			leftovers++
			continue
		}
		if !isWhole(filepath.Join(s.dir, "printed", file.Name())) {
			t.Errorf("%s is no whole PDF", file.Name())
		}
		labels[strings.Split(file.Name(), "-")[1]]++
	}
	wantOnce(t, "labels", labels, orders, number)
	if leftovers > kills*atOnce {
		t.Errorf("%d files are left that were being written, want at most %d for each of %d kills", leftovers, atOnce, kills)
	}
	t.Logf("labels: %d whole files; %d that a kill cut short, under names of their own", len(files)-leftovers, leftovers)
}

// isWhole tells whether a file is a PDF from its beginning to its end.
func isWhole(path string) bool {
	content, err := os.ReadFile(path)
	return err == nil && bytes.HasPrefix(content, []byte("%PDF-")) && bytes.HasSuffix(bytes.TrimSpace(content), []byte("%%EOF"))
}

// checkAllMails looks for each order's mail, and whether what came twice was in hand at a kill.
func checkAllMails(t *testing.T, letters []letter, orders int, kills []time.Time) {
	t.Helper()
	arrivals, subjects := map[string][]time.Time{}, map[string]string{}
	for _, letter := range letters {
		message, err := mail.ReadMessage(strings.NewReader(letter.content))
		if err != nil {
			t.Fatalf("read a mail: %v", err)
		}
		id, subject := message.Header.Get("Message-ID"), message.Header.Get("Subject")
		if before, known := subjects[id]; known && before != subject {
			t.Errorf("the Message-ID %s is that of %q and of %q", id, before, subject)
		}
		subjects[id] = subject
		arrivals[id] = append(arrivals[id], letter.at)
	}
	mailed := map[string]int{}
	for _, subject := range subjects {
		mailed[strings.TrimPrefix(subject, "Your order ")]++
	}
	wantOnce(t, "Message-IDs", mailed, orders, number)
	if most := wantRepeatsOfKills(t, "mails", arrivals, kills); most > atOnce {
		t.Errorf("%d mails came again after one kill, want at most what a process has in hand: %d", most, atOnce)
	}
}

// checkAllTracked looks for each order's status and history.
func checkAllTracked(t *testing.T, s *shop, orders int) {
	t.Helper()
	statuses, histories := make([]*redis.StringCmd, orders), make([]*redis.IntCmd, orders)
	_, err := s.client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for n := range orders {
			statuses[n] = pipe.HGet(t.Context(), "{tracking}:order:"+number(n), "status")
			histories[n] = pipe.XLen(t.Context(), "{tracking}:order:"+number(n)+":history")
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the tracking: %v", err)
	}
	for n := range orders {
		if statuses[n].Val() != "received" || histories[n].Val() != 1 {
			t.Errorf("order %s is %q with a history of %d, want received, once", number(n), statuses[n].Val(), histories[n].Val())
		}
	}
	t.Logf("tracking: %d orders, each with a history of one", orders)
}

// followUpID is the ID of the event that follows the nth order.
func followUpID(n int) string { return "NEW_ORDER_RECEIVED:" + eventID(n) + ":check_inventory:acked" }

// checkAllReserved looks for each order's one follow-up.
func checkAllReserved(t *testing.T, s *shop, orders int) {
	t.Helper()
	followed := map[string]int{}
	for _, event := range s.followUps("INVENTORY_RESERVED") {
		followed[event["event_id"]]++
	}
	wantOnce(t, "INVENTORY_RESERVED", followed, orders, followUpID)
}

// checkAllPoints looks for what PHP wrote for each order.
func checkAllPoints(t *testing.T, s *shop, orders int) {
	t.Helper()
	points := map[string]int{}
	for customer := range min(orders, 100) {
		events, err := s.client.HKeys(t.Context(), fmt.Sprintf("points:customer%d@example.com", customer)).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			points[event]++
		}
	}
	wantOnce(t, "points", points, orders, followUpID)
}

// checkAllTold looks for each order's request. How many come again after a kill is not told: those that were answered and not
// acked yet are among them.
func checkAllTold(t *testing.T, requests map[string][]time.Time, orders int, kills []time.Time) {
	t.Helper()
	told := map[string]int{}
	for key := range requests {
		told[key]++
	}
	wantOnce(t, "Idempotency-Keys", told, orders, func(n int) string { return "tell_erp:" + followUpID(n) })
	wantRepeatsOfKills(t, "webhooks", requests, kills)
}

// wantOnce tells of what is missing, there more than once, or not of any order.
func wantOnce(t *testing.T, what string, got map[string]int, orders int, name func(n int) string) {
	t.Helper()
	for n := range orders {
		if count := got[name(n)]; count != 1 {
			t.Errorf("%s: %s is there %d times, want once", what, name(n), count)
		}
		delete(got, name(n))
	}
	for name := range got {
		t.Errorf("%s: %s is of no order", what, name)
	}
	t.Logf("%s: one for each of %d orders", what, orders)
}

// late is how long after the end of its sender something may be seen to arrive that was sent before.
const late = time.Second

// wantRepeatsOfKills tells of what came again without a kill between. It returns how much came again after one kill at most.
func wantRepeatsOfKills(t *testing.T, what string, arrivals map[string][]time.Time, kills []time.Time) (most int) {
	t.Helper()
	repeats, all, byKill := 0, 0, map[int]int{}
	for id, times := range arrivals {
		all += len(times)
		for i, again := range times[1:] {
			repeats++
			at := slices.IndexFunc(kills, func(kill time.Time) bool { return kill.After(times[i].Add(-late)) })
			if at < 0 || kills[at].After(again) {
				t.Errorf("%s: %s came again after %v although no kill came between", what, id, again.Sub(times[i]))
				continue
			}
			byKill[at]++
		}
	}
	for _, count := range byKill {
		most = max(most, count)
	}
	t.Logf("%s: %d came, %d of them again, at most %d for one of %d kills", what, all, repeats, most, len(kills))
	return most
}

// receiver is an HTTP server that takes everything.
type receiver struct {
	url string

	mutex    sync.Mutex
	requests map[string][]time.Time // when each Idempotency-Key came
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{requests: map[string][]time.Time{}}
	server := httptest.NewServer(r)
	r.url = server.URL
	t.Cleanup(server.Close)
	return r
}

// ServeHTTP notes the request.
func (r *receiver) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return // its sender has been killed
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	key := strings.Trim(request.Header.Get("Idempotency-Key"), `"`)
	r.requests[key] = append(r.requests[key], time.Now())
}

func (r *receiver) received() map[string][]time.Time {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.requests
}
