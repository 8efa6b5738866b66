package inventory

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/stream"
)

const (
	// DefaultStockKey is the key of the stock where none is configured.
	DefaultStockKey = "stock"
	// DefaultKeep is how long reservations are remembered where nothing is configured. It is far longer than an event
	// is retried, and than most streams are kept for replay.
	DefaultKeep = 90 * 24 * time.Hour
)

// Options says where the stock is.
type Options struct {
	// Redis is where the stock is; it need not be the Redis of the stream. Required. The caller closes it, after the
	// handler's last call.
	Redis redis.UniversalClient
	// StockKey is the hash from product to quantity; "" means DefaultStockKey. It is named as a stream is.
	StockKey string
	// Keep is how long an event's reservation is remembered, and the event recognised when it is delivered again, in
	// whole milliseconds; zero means DefaultKeep. It must be longer than events are retried and replayed.
	Keep time.Duration
}

// New returns a handler that reserves stock for each event. An error names the option that cannot be used. Redis is not
// asked for anything before the first event.
func New(o Options) (consumers.Handler, error) {
	if o.Redis == nil {
		return nil, errors.New("inventory: redis: expected a client")
	}
	key := cmp.Or(o.StockKey, DefaultStockKey)
	keys, err := stream.NewKeys(key)
	if err != nil {
		return nil, fmt.Errorf("inventory: stock_key: expected the same form as a stream's name: %w", err)
	}
	keep := cmp.Or(o.Keep, DefaultKeep)
	if keep < time.Millisecond {
		return nil, fmt.Errorf("inventory: keep: expected at least 1ms, got %v", keep)
	}
	return &handler{redis: o.Redis, stock: key, keys: keys, keep: keep, reserve: redis.NewScript(reserveSource)}, nil
}

//go:embed reserve.lua
var reserveSource string

// handler reserves stock.
type handler struct {
	redis   redis.UniversalClient
	stock   string
	keys    stream.Keys // of what is kept beside the stock
	keep    time.Duration
	reserve *redis.Script
}

// Handle reserves what the order asks for. A lost reply is harmless: the delivery that follows finds the reservation.
func (h *handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	order, err := order.Decode(delivery.Data)
	if err != nil {
		return consumers.Permanent(fmt.Errorf("reserve stock: %w", err))
	}
	keys := []string{h.stock, h.keys.Of("reserved", delivery.Name, delivery.ID)}
	args := append([]any{h.keep.Milliseconds()}, totals(order.Items)...)
	reply, err := h.reserve.Run(ctx, h.redis, keys, args...).Slice()
	if err != nil {
		return fmt.Errorf("reserve stock in %q: %w", h.stock, err)
	}
	if len(reply) > 0 {
		return consumers.Permanent(fmt.Errorf("reserve stock in %q: %w", h.stock, parseShortage(reply)))
	}
	return nil
}

// totals are the products and how many of each the order asks for in all, one after the other, in the order's order.
// MaxItems times MaxQuantity is far from what an int64 holds.
func totals(items []order.Item) []any {
	wanted := make(map[string]int64, len(items))
	for _, item := range items {
		wanted[item.ProductID] += item.Quantity
	}
	pairs := make([]any, 0, 2*len(wanted))
	for _, item := range items {
		if quantity, left := wanted[item.ProductID]; left {
			pairs = append(pairs, item.ProductID, quantity)
			delete(wanted, item.ProductID)
		}
	}
	return pairs
}
