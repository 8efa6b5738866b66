// Package tracking keeps, in Redis, how far each order has come: its status, its carrier and tracking number, and the
// history of what was reported of it. Any program reads it:
//
//	HGETALL {tracking}:order:12345
//	XRANGE {tracking}:order:12345:history - +
//
// The hash holds status, updated_at (when the status was reached here, in milliseconds of the server's clock), event and
// event_id (what moved it), and carrier, tracking_number and order_no where they are known. The history is a stream with
// one entry for each event: status, event, event_id, happened_at (the event's own time), applied (yes or no), and carrier
// and tracking_number where the event names them. The ID of an entry is when it was recorded.
//
// Events of one order arrive in no promised order: handlers run at once, and what failed is tried again later. So a status
// only moves forward, and the order that Statuses gives decides: an order has the furthest status that was ever reported
// of it, whichever way the events came. What would take it back is recorded in the history, with applied no, and is
// handled with success. A cancelled order whose parcel arrives all the same is delivered, and returned ends everything.
//
// An event counts once, however often it is delivered: its name and ID make the key of a marker,
// `{tracking}:seen:<event>:<event_id>`, which is written in the same step. All of it is kept for Options.Keep after the
// order's last event.
//
// The order is known by the data's order_id (or id), else by its order number, else by the event's aggregate ID; what an
// event of one order may say is in package order. An event that names no order, and a status that is not in Statuses, are
// permanent errors. What Redis reports (no connection, no memory) is not: the event is tried again.
//
// In a Redis Cluster all of it lies in one slot, as the stock of package inventory does. A colon in an order's ID is
// written %3A in its key, and a percent sign %25.
package tracking
