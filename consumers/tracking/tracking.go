package tracking

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/stream"
)

const (
	// DefaultTrackingKey begins the keys where none is configured.
	DefaultTrackingKey = "tracking"
	// DefaultKeep is how long an order is kept after its last event where nothing is configured.
	DefaultKeep = 180 * 24 * time.Hour
	// DefaultHistory is how many entries an order's history keeps where nothing is configured.
	DefaultHistory = 100
)

// Options says where the orders' statuses are kept, and what moves them.
type Options struct {
	// Redis is where they are kept; it need not be the Redis of the stream. Required. The caller closes it, after the
	// handler's last call.
	Redis redis.UniversalClient
	// TrackingKey begins the keys, as in `{tracking}:order:12345`; "" means DefaultTrackingKey. It is named as a stream is.
	TrackingKey string
	// Statuses is what the names of events say, each one of Statuses; nil means DefaultStatuses. An event whose name is not
	// in it says its status itself, in its data.
	Statuses map[string]string
	// Keep is how long an order is kept after its last event, and an event recognised when it is delivered again, in whole
	// milliseconds; zero means DefaultKeep. It must be longer than events are retried and replayed.
	Keep time.Duration
	// History is how many entries an order's history keeps, the last ones; zero means DefaultHistory.
	History int
}

// New returns a handler that keeps the statuses of orders. It leaves the order's status as the delivery's result. An error
// names every option that cannot be used. Redis is not asked for anything before the first event.
func New(o Options) (consumers.Handler, error) {
	o.TrackingKey = cmp.Or(o.TrackingKey, DefaultTrackingKey)
	o.Keep = cmp.Or(o.Keep, DefaultKeep)
	o.History = cmp.Or(o.History, DefaultHistory)
	if o.Statuses == nil {
		o.Statuses = DefaultStatuses()
	}
	keys, err := stream.NewKeys(o.TrackingKey)
	if err = errors.Join(o.check(), err); err != nil {
		return nil, fmt.Errorf("tracking: %w", err)
	}
	o.Statuses = maps.Clone(o.Statuses)
	return &handler{Options: o, keys: keys, advance: redis.NewScript(advanceSource)}, nil
}

// check says everything that is wrong with the options but their key.
func (o Options) check() error {
	var faults []error
	if o.Redis == nil {
		faults = append(faults, errors.New("redis: expected a client"))
	}
	if o.Keep < time.Millisecond {
		faults = append(faults, fmt.Errorf("keep: expected at least 1ms, got %v", o.Keep))
	}
	if o.History < 1 {
		faults = append(faults, fmt.Errorf("history: expected at least 1, got %d", o.History))
	}
	for _, event := range faultyStatuses(o.Statuses) {
		faults = append(faults, fmt.Errorf("statuses: %s: expected one of %s, got %q",
			event, strings.Join(Statuses(), ", "), o.Statuses[event]))
	}
	return errors.Join(faults...)
}

//go:embed advance.lua
var advanceSource string

// handler keeps the statuses of orders.
type handler struct {
	Options
	keys    stream.Keys
	advance *redis.Script
}

// Handle records what the event says of its order. A lost reply is harmless: the delivery that follows is given the same.
func (h *handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	shipment, err := order.DecodeShipment(delivery.Data)
	if err != nil {
		return consumers.Permanent(fmt.Errorf("update the tracking: %w", err))
	}
	id := cmp.Or(shipment.OrderID, shipment.OrderNumber, delivery.AggregateID)
	if id == "" {
		return consumers.Permanent(errors.New("update the tracking: the event names no order: expected order_id in its data"))
	}
	status, err := h.status(delivery.Name, shipment.Status)
	if err != nil {
		return consumers.Permanent(fmt.Errorf("update the tracking: %w", err))
	}
	reply, err := h.advance.Run(ctx, h.Redis, h.keysOf(id, delivery.Event),
		h.Keep.Milliseconds(), h.History, status, strings.Join(Statuses(), " "), delivery.Name, delivery.ID,
		delivery.Time.UnixMilli(), shipment.Carrier, shipment.TrackingNumber, shipment.OrderNumber).StringSlice()
	if err == nil && len(reply) != 2 {
		err = fmt.Errorf("the marker %q holds something else: delete it", h.keys.Of("seen", delivery.Name, delivery.ID))
	}
	if err != nil {
		return fmt.Errorf("update the tracking in %q: %w", h.TrackingKey, err)
	}
	delivery.Result = result(status, reply[0], reply[1] == "yes")
	return nil
}

// keysOf names the order's hash, its history and the event's marker.
func (h *handler) keysOf(order string, event stream.Event) []string {
	const last = "history"
	history := h.keys.Of("order", order, last)
	return []string{strings.TrimSuffix(history, ":"+last), history, h.keys.Of("seen", event.Name, event.ID)}
}

// status is what the event says of its order: by its name, else in its data.
func (h *handler) status(event, word string) (string, error) {
	if status, named := h.Statuses[event]; named {
		return status, nil
	}
	expected := strings.Join(Statuses(), ", ")
	if word == "" {
		return "", fmt.Errorf("the event says no status: expected its name under `statuses`, or status in its data: one of %s", expected)
	}
	status, known := knownStatus(word)
	if !known {
		return "", fmt.Errorf("the event's status is unknown: expected one of %s", expected)
	}
	return status, nil
}

// result is the order's status, and what was reported where that would have taken it back.
func result(reported, now string, applied bool) []byte {
	if applied || reported == now {
		return []byte(now)
	}
	return []byte(now + " (" + reported + " came late)")
}
