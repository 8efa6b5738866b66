// Package inventory reserves stock for each order, in Redis: it takes what the order asks for off the stock, all of it or
// nothing.
//
// The stock is a plain hash, from the product's ID to how many pieces are there. Any program fills and reads it:
//
//	HSET stock 1 100
//	HINCRBY stock 1 50
//	HGET stock 1
//
// An event reserves once, however often it is delivered: its name and ID make the key of the reservation,
// `{stock}:reserved:<event>:<event_id>`, a hash from product to quantity that HGETALL shows and that is written in the same
// step as the stock. It is kept for Options.Keep. An event that is delivered again after that, by a replay of an old
// stream for instance, reserves once more.
//
// A product that is not in the hash, a stock that is too low and a stock that is no whole number are permanent errors that
// name every such product of the order; nothing is reserved then. The event becomes a dead letter, and requeueing it
// after the stock was filled up reserves. The data is an order as package order describes it; data that is none is a
// permanent error too. What Redis reports (no connection, no memory) is not: the event is tried again.
//
// In a Redis Cluster the stock and its reservations lie in one slot. A key with a hash tag of its own, such as
// {shop}:stock, keeps them in the slot of that tag; the reservations' keys then begin with `{shop}:stock:reserved:`.
package inventory
