package main_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestMemoryOfLargeEvents runs the program with many workers and events of 5 MB in a container's worth of memory.
func TestMemoryOfLargeEvents(t *testing.T) {
	const mostMebibytes = 128
	s := newShop(t)
	s.write("handlers.yaml", "handlers: {check_inventory: {events: [NEW_ORDER_RECEIVED], run: inventory, concurrency: 64}}\n")
	s.addLarge(20)
	running := s.run("MILLRACE_MAX_EVENT_BYTES=8MiB")
	s.until("every order is reserved", func() bool { return s.redis.CLI("HGET", "stock", "1") == strconv.Itoa(100_000-2*20) })
	if peak := running.peakMemory(t); peak > mostMebibytes {
		t.Errorf("the program had up to %d MiB in memory, want at most %d", peak, mostMebibytes)
	} else {
		t.Logf("the program had up to %d MiB in memory", peak)
	}
	running.terminate(s)
}

// addLarge adds orders of 5 MB.
func (s *shop) addLarge(orders int) {
	s.Helper()
	options, err := redis.ParseURL(s.redis.URL())
	if err != nil {
		s.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	for number := range orders {
		data := fmt.Sprintf(`{"order_id":%d,"items":[{"product_id":1,"quantity":2}],"more":"%s"}`, number+1, strings.Repeat("x", 5<<20))
		err := client.XAdd(context.Background(), &redis.XAddArgs{
			Stream: "event_stream", Values: []any{"event", "NEW_ORDER_RECEIVED", "data", data},
		}).Err()
		if err != nil {
			s.Fatal(err)
		}
	}
}

// peakMemory is the most that the process ever had in memory, in MiB.
func (r *service) peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if err != nil {
		t.Skip("this system does not tell how much memory a process has held")
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no VmHWM in the status of the process:\n%s", status)
	}
	kibibytes, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kibibytes >> 10
}
