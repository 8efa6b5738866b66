package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// shop is an endpoint that fails in several ways, and books each event once.
type shop struct {
	mu       sync.Mutex
	tries    map[string]int
	booked   map[string]int
	deliver  map[string]string // the deliveries that the last try told of
	failures int
}

// ServeHTTP fails the first tries, and refuses every tenth event for good.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	s.tries[key]++
	s.deliver[key] = r.Header.Get("Millrace-Deliveries")
	number := 0
	_, _ = fmt.Sscanf(r.Header.Get("ce-id"), "o-%d", &number)
	switch {
	case number%10 == 9:
		http.Error(w, "not ours", http.StatusUnprocessableEntity)
	case s.tries[key] <= s.failures && number%2 == 0:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case s.tries[key] <= s.failures:
		panic(http.ErrAbortHandler) // the connection ends without an answer
	default:
		s.booked[key]++
		fmt.Fprintf(w, "booked as %d", number)
	}
}

// TestEndToEnd runs the kind as a group on a real Redis, against an endpoint that fails before it succeeds.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	const events = 100
	shop := &shop{tries: map[string]int{}, booked: map[string]int{}, deliver: map[string]string{}, failures: 2}
	server, _ := counted(t, shop.ServeHTTP)
	client, err := stream.Open(stream.Options{URL: redistest.Start(t).URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for number := range events {
		event := stream.Event{Name: "NEW_ORDER_RECEIVED", ID: fmt.Sprintf("o-%d", number), Data: []byte(`{}`)}
		if _, err := client.Publish(t.Context(), event, stream.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	outcomes := map[consumers.Outcome]int{}
	observe := func(result consumers.Result) {
		mu.Lock()
		defer mu.Unlock()
		outcomes[result.Outcome]++
	}
	group := consumers.GroupOptions{
		Name: "points", Events: []string{"*"}, Handler: posts(t, webhook.Options{URL: server.URL}), Timeout: 20 * time.Second,
		From: stream.FromBeginning(),
	}
	group.Backoff.Min, group.Backoff.Max = 20*time.Millisecond, 100*time.Millisecond
	set, err := consumers.NewSet(client, consumers.Options{Observe: observe}, group)
	if err != nil {
		t.Fatal(err)
	}
	defer remotetest.Run(t, set)()
	remotetest.Until(t, "every event is settled", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return outcomes[consumers.Acked]+outcomes[consumers.DeadLettered] >= events
	})
	shop.verify(t, events)
	letters, err := client.DeadLetters(t.Context(), "points", stream.ID{}, events)
	if err != nil || len(letters) != events/10 {
		t.Fatalf("there are %d dead letters (%v), want %d", len(letters), err, events/10)
	}
	want := "post to " + server.URL + ": answered 422 Unprocessable Entity: not ours"
	if letters[0].Error != want || letters[0].Reason != stream.DeadPermanent || letters[0].Deliveries != 1 {
		t.Errorf("the first dead letter says %+v, want %q", letters[0], want)
	}
}

// verify checks that every event was booked once that could be, and that the endpoint was told how often it came.
func (s *shop) verify(t *testing.T, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number := range events {
		key := fmt.Sprintf("points:o-%d", number)
		want, deliveries := 1, "3"
		if number%10 == 9 {
			want, deliveries = 0, "1"
		}
		if s.booked[key] != want || number%2 == 0 && s.deliver[key] != deliveries {
			t.Errorf("%s was booked %d times, at last in delivery %q, want %d and %s", key, s.booked[key], s.deliver[key], want, deliveries)
		}
	}
}
