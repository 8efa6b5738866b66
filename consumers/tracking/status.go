package tracking

import (
	"maps"
	"slices"
	"strings"
)

// Statuses lists every status an order may have, from the first to the last. An order has the furthest that was reported.
func Statuses() []string {
	return []string{
		"received", "printed", "packed", "shipped", "in_transit", "out_for_delivery", "cancelled", "delivered", "returned",
	}
}

// DefaultStatuses is what the names of events say of an order where nothing is configured.
func DefaultStatuses() map[string]string {
	return map[string]string{
		"NEW_ORDER_RECEIVED":     "received",
		"ORDER_PRINTED":          "printed",
		"ORDER_PACKED":           "packed",
		"ORDER_SHIPPED":          "shipped",
		"ORDER_IN_TRANSIT":       "in_transit",
		"ORDER_OUT_FOR_DELIVERY": "out_for_delivery",
		"ORDER_CANCELLED":        "cancelled",
		"ORDER_CANCELED":         "cancelled",
		"ORDER_DELIVERED":        "delivered",
		"ORDER_RETURNED":         "returned",
	}
}

// knownStatus finds the status that a producer's word means: In-Transit and IN TRANSIT are in_transit.
func knownStatus(word string) (string, bool) {
	word = separators.Replace(strings.ToLower(strings.TrimSpace(word)))
	if word == "canceled" {
		word = "cancelled"
	}
	return word, slices.Contains(Statuses(), word)
}

var separators = strings.NewReplacer("-", "_", " ", "_")

// faultyStatuses lists the events whose status is none, in the order of their names.
func faultyStatuses(statuses map[string]string) []string {
	var faulty []string
	for _, event := range slices.Sorted(maps.Keys(statuses)) {
		if !slices.Contains(Statuses(), statuses[event]) {
			faulty = append(faulty, event)
		}
	}
	return faulty
}
