package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/inventory"
	"github.com/millrace/millrace/stream"
)

// Inventory runs Millrace's kind `inventory` through the packages: each group reserves the orders' products from a stock of
// its own, in Redis. It is what the program, which knows no handler that does nothing, is measured against.
type Inventory struct{ Millrace }

// Name is what the tables call it.
func (Inventory) Name() string { return "millrace-inventory" }

// stocked is how many pieces each group's stock begins with.
const stocked = int64(1) << 40

// StockKey is the stock of a group.
func StockKey(group string) string { return "stock_" + group }

// Prepare fills the stocks.
func (Inventory) Prepare(ctx context.Context, target Target) error {
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, group := range target.Groups {
		if err := client.HSet(ctx, StockKey(group), order.ProductID, stocked).Err(); err != nil {
			return fmt.Errorf("fill the stock of group %q: %w", group, err)
		}
	}
	return nil
}

// Consume runs a Set until ctx ends. An event is handled when its products are reserved.
func (Inventory) Consume(ctx context.Context, target Target, handle Handle) error {
	return runSet(ctx, target, func(client *stream.Client, group int) (consumers.Handler, error) {
		reserve, err := inventory.New(inventory.Options{Redis: client.Redis(), StockKey: StockKey(target.Groups[group])})
		if err != nil {
			return nil, err
		}
		return consumers.HandlerFunc(func(ctx context.Context, delivery *consumers.Delivery) error {
			event, err := millraceEvent(delivery)
			if err != nil {
				return err
			}
			if err := reserve.Handle(ctx, delivery); err != nil {
				return err
			}
			return handle(group, event)
		}), nil
	})
}

// CheckStock returns an error unless what is gone from each group's stock is what that many orders ask for.
func CheckStock(ctx context.Context, target Target, orders int) error {
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	var faults []error
	for _, group := range target.Groups {
		text, err := client.HGet(ctx, StockKey(group), order.ProductID).Result()
		if err != nil {
			return fmt.Errorf("look at the stock of group %q: %w", group, err)
		}
		left, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		if reserved := (stocked - left) / order.Quantity; left != stocked-int64(orders)*order.Quantity {
			faults = append(faults, fmt.Errorf("group %q has reserved %d orders of %d", group, reserved, orders))
		}
	}
	return errors.Join(faults...)
}

// Service is the real program with the same groups. It runs in a process of its own and calls no handler of the
// benchmark's, so that the workloads that measure it start it by package service.
type Service struct{ Inventory }

// Name is what the tables call it.
func (Service) Name() string { return "millrace-service" }

// Publish is the program's users' own affair.
func (Service) Publish(context.Context, Target, iter.Seq[order.Event], int) error {
	return fmt.Errorf("publish: %w", errors.ErrUnsupported)
}

// Consume cannot be: see Service.
func (Service) Consume(context.Context, Target, Handle) error {
	return fmt.Errorf("consume with a handler of the benchmark's: %w", errors.ErrUnsupported)
}
