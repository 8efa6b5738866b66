// Package wire speaks to Redis over a socket of its own with as little work as can be: what the fastest possible consumer
// and an open-loop producer need.
package wire

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/millrace/millrace/bench/internal/order"
)

// Dial connects to the host and port of a Redis URL.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("parse the server's URL: %w", err)
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", parsed.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to redis-server: %w", err)
	}
	return connection, nil
}

// AppendCommand appends a command of these words.
func AppendCommand(to []byte, words ...string) []byte {
	to = AppendArray(to, len(words))
	for _, word := range words {
		to = AppendWord(to, word)
	}
	return to
}

// AppendArray begins a command of as many words.
func AppendArray(to []byte, words int) []byte {
	to = append(to, '*')
	to = strconv.AppendInt(to, int64(words), 10)
	return append(to, "\r\n"...)
}

// AppendWord appends one word of a command.
func AppendWord(to []byte, word string) []byte {
	to = append(to, '$')
	to = strconv.AppendInt(to, int64(len(word)), 10)
	to = append(to, "\r\n"...)
	to = append(to, word...)
	return append(to, "\r\n"...)
}

// AppendXADD appends the command that adds event to stream: a plain XADD of its fields.
func AppendXADD(to []byte, stream string, event order.Event) []byte {
	var digits [20]byte
	timestamp := order.Alias(strconv.AppendInt(digits[:0], event.Timestamp, 10))
	return AppendCommand(to, "XADD", stream, "*",
		"event", event.Name, "data", event.Data, "event_id", event.ID,
		"timestamp", timestamp, "aggregate_id", event.AggregateID)
}
