package stream

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
)

// batch is how many entries the benchmarks read or ack at once.
const batch = 500

// orderFields are an order event of some 250 bytes, as a shop's program adds it.
func orderFields(number int) []Field {
	return []Field{
		{"event", "NEW_ORDER_RECEIVED"},
		{"data", fmt.Sprintf(`{"order_id":%d,"customer_id":67890,"items":[{"product_id":1,"quantity":2}],"note":"%s"}`,
			number, strings.Repeat("x", 60))},
		{"event_id", fmt.Sprintf("order-%08d", number)},
		{"timestamp", "2025-11-21T02:13:20.123Z"},
		{"aggregate_id", fmt.Sprint(number)},
	}
}

// orderFrame is the reply that brings count of those.
func orderFrame(count int) []byte {
	var reply strings.Builder
	fmt.Fprintf(&reply, "*1\r\n*2\r\n$12\r\nevent_stream\r\n*%d\r\n", count)
	for number := range count {
		id := ID{Ms: 1763691200123, Seq: uint64(number)}.String()
		fields := orderFields(number)
		fmt.Fprintf(&reply, "*2\r\n$%d\r\n%s\r\n*%d\r\n", len(id), id, 2*len(fields))
		for _, field := range fields {
			fmt.Fprintf(&reply, "$%d\r\n%s\r\n$%d\r\n%s\r\n", len(field.Name), field.Name, len(field.Value), field.Value)
		}
	}
	return []byte(reply.String())
}

func BenchmarkDecode(b *testing.B) {
	entry := Entry{ID: testID, Fields: orderFields(12345)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(entry, DecodeOptions{MaxBytes: 1 << 20}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecoder(b *testing.B) {
	entry := Entry{ID: testID, Fields: orderFields(12345)}
	decoder := Decoder{DecodeOptions: DecodeOptions{MaxBytes: 1 << 20}}
	b.ReportAllocs()
	for b.Loop() {
		if err := decoder.Decode(entry, new(Event)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	event, _ := Decode(Entry{ID: testID, Fields: orderFields(12345)}, DecodeOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if len(Encode(event)) == 0 {
			b.Fatal("no fields")
		}
	}
}

func BenchmarkParseReply(b *testing.B) {
	raw := orderFrame(batch)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	reply := unbounded()
	for b.Loop() {
		reply.elements = elements{chunk: raw}
		reply.deliveries, reply.fields, reply.kept = reply.deliveries[:0], reply.fields[:0], 0
		if reply.parse(); reply.err != nil || len(reply.deliveries) != batch {
			b.Fatal(len(reply.deliveries), reply.err)
		}
	}
}

// unbounded is a reply of which everything is kept.
func unbounded() readReply { return readReply{most: math.MaxInt, largest: math.MaxInt} }

// parsed are the deliveries that a reply brings which has come as a whole.
func parsed(raw []byte) ([]Delivery, error) {
	reply := unbounded()
	reply.chunk = raw
	reply.parse()
	return reply.deliveries, reply.err
}

// filled is a group whose stream on a real server holds a number of orders, all to be read.
func filled(b *testing.B, orders int) *Group {
	b.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		b.Skip("no redis-server here")
	}
	server := redistest.Start(b)
	client, err := Open(Options{URL: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	ctx := context.Background()
	pipeline := client.Redis().Pipeline()
	for number := range orders {
		words := []any{"XADD", DefaultName, "*"}
		for _, field := range orderFields(number) {
			words = append(words, field.Name, field.Value)
		}
		pipeline.Do(ctx, words...)
	}
	pipeline.XGroupCreate(ctx, DefaultName, "g", "0")
	if _, err := pipeline.Exec(ctx); err != nil {
		b.Fatal(err)
	}
	group, err := client.Group("g", "c", time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	return group
}

// rewind makes the group's entries new again and forgets what is pending.
func rewind(b *testing.B, client redis.UniversalClient) {
	b.Helper()
	ctx := context.Background()
	pipeline := client.Pipeline()
	pipeline.XGroupDestroy(ctx, DefaultName, "g")
	pipeline.XGroupCreate(ctx, DefaultName, "g", "0")
	if _, err := pipeline.Exec(ctx); err != nil {
		b.Fatal(err)
	}
}

// drain reads and decodes batches from a real server, and hands each to settle.
func drain(b *testing.B, settle func(*Group, []Delivery) error) {
	const batches = 40
	group := filled(b, batches*batch)
	b.ReportAllocs()
	for round := 0; b.Loop(); round++ {
		if round%batches == 0 {
			b.StopTimer()
			rewind(b, group.client.write)
			b.StartTimer()
		}
		deliveries, err := group.Read(context.Background(), batch, 0)
		if err != nil || len(deliveries) != batch {
			b.Fatal(len(deliveries), err)
		}
		for index := range deliveries {
			if _, err := Decode(deliveries[index].Entry, DecodeOptions{MaxBytes: 1 << 20}); err != nil {
				b.Fatal(err)
			}
		}
		if err := settle(group, deliveries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/delivery")
}

func BenchmarkRead(b *testing.B) {
	drain(b, func(*Group, []Delivery) error { return nil })
}

func BenchmarkReadAndAck(b *testing.B) {
	ids := make([]ID, batch)
	drain(b, func(group *Group, deliveries []Delivery) error {
		for index := range deliveries {
			ids[index] = deliveries[index].ID
		}
		acked, err := group.Ack(context.Background(), ids)
		if err == nil && acked != batch {
			err = fmt.Errorf("acked %d of %d", acked, batch)
		}
		return err
	})
}

// BenchmarkAck acks what is not pending: the server has less to do, the client has not.
func BenchmarkAck(b *testing.B) {
	group := filled(b, 1)
	ids := make([]ID, batch)
	for index := range ids {
		ids[index] = ID{Ms: 1763691200123, Seq: uint64(index)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := group.Ack(context.Background(), ids); err != nil {
			b.Fatal(err)
		}
	}
}
