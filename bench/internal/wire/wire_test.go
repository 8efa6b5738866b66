package wire_test

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/wire"
)

func TestReader(t *testing.T) {
	replies := ":2\r\n*2\r\n$5\r\nab\r\nc\r\n$0\r\n\r\n*-1\r\n" + "$40\r\n" + strings.Repeat("x", 40) + "\r\n"
	for _, size := range []int{1, 7, 1024} {
		reader := wire.NewReader(iotest.OneByteReader(strings.NewReader(replies)), size)
		acked, err := reader.Integer()
		if err != nil || acked != 2 {
			t.Fatalf("Integer is %d, %v; want 2", acked, err)
		}
		reader.Reuse()
		if count, err := reader.Array(); err != nil || count != 2 {
			t.Fatalf("Array is %d, %v; want 2", count, err)
		}
		text, err := reader.Bulk()
		if err != nil || string(text) != "ab\r\nc" {
			t.Fatalf("Bulk is %q, %v", text, err)
		}
		empty, err := reader.Bulk()
		if err != nil || len(empty) > 0 {
			t.Fatalf("Bulk is %q, %v; want an empty text", empty, err)
		}
		if count, err := reader.Array(); err != nil || count != -1 {
			t.Fatalf("Array is %d, %v; want -1", count, err)
		}
		reader.Renew(8)
		long, err := reader.Bulk()
		if err != nil || string(long) != strings.Repeat("x", 40) || string(text) != "ab\r\nc" {
			t.Fatalf("Bulk is %q, %v, and an earlier one is now %q", long, err, text)
		}
	}
}

func TestReaderSaysWhatTheServerRefused(t *testing.T) {
	reader := wire.NewReader(strings.NewReader("-NOGROUP No such key\r\n"), 64)
	if _, err := reader.Array(); err == nil || !strings.Contains(err.Error(), "NOGROUP No such key") {
		t.Errorf("the error is %v, want one with the server's words", err)
	}
}

func TestAppendXADD(t *testing.T) {
	event := order.Event{Name: "E", Data: "{}", ID: "7-8", AggregateID: "a", Timestamp: 9}
	want := "*13\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$5\r\nevent\r\n$1\r\nE\r\n$4\r\ndata\r\n$2\r\n{}\r\n" +
		"$8\r\nevent_id\r\n$3\r\n7-8\r\n$9\r\ntimestamp\r\n$1\r\n9\r\n$12\r\naggregate_id\r\n$1\r\na\r\n"
	if got := string(wire.AppendXADD(nil, "s", event)); got != want {
		t.Errorf("the command is %q, want %q", got, want)
	}
}

// answering accepts one connection and sends reply when the words DBSIZE have come.
func answering(t *testing.T, reply string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		for lines := bufio.NewScanner(connection); lines.Scan() && lines.Text() != "DBSIZE"; {
		}
		_, _ = connection.Write([]byte(reply))
	}()
	return "redis://" + listener.Addr().String()
}

func TestSenderCountsWhatWasStored(t *testing.T) {
	tests := []struct{ name, reply, fault string }{
		{"both stored", "$3\r\n1-1\r\n$3\r\n1-2\r\n:1\r\n", ""},
		{"one refused", "$3\r\n1-1\r\n-OOM command not allowed\r\n:1\r\n", "stored 1 of 2 events: -OOM command not allowed"},
		{"connection lost", "$3\r\n1-1\r\n", "read the answers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			sender, err := wire.NewSender(ctx, answering(t, test.reply), func(to []byte, event order.Event) []byte {
				return wire.AppendXADD(to, "s", event)
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := sender.Send(order.Many(2, 0)); err != nil {
				t.Fatal(err)
			}
			err = sender.Close()
			if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
				t.Errorf("Close said %v, want %q", err, test.fault)
			}
		})
	}
}
