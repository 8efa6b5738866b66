package catalog

import (
	"slices"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/tracking"
	"github.com/millrace/millrace/stream"
)

// maxHistory is how many entries an order's history may keep.
const maxHistory = 10_000

func readTracking(with *section) constructor {
	options := tracking.Options{
		TrackingKey: with.text("tracking_key"),
		Keep:        with.duration("keep", 0, time.Minute, 10*365*day),
		History:     with.whole("history", 0, 1, maxHistory),
		Statuses:    readStatuses(with),
	}
	if options.TrackingKey != "" {
		if _, err := stream.NewKeys(options.TrackingKey); err != nil {
			with.fault("tracking_key", "expected the same form as a stream's name, got %s", quote(options.TrackingKey))
		}
	}
	return func(dependencies Dependencies) (consumers.Handler, error) {
		connected := options
		connected.Redis = dependencies.Redis
		return tracking.New(connected)
	}
}

// readStatuses reads what the names of events say of an order; nil where nothing is said about it.
func readStatuses(with *section) map[string]string {
	section := with.section("statuses")
	if len(section.keys) == 0 {
		if with.has("statuses") && !section.broken {
			with.fault("statuses", "expected events and their status, such as ORDER_SHIPPED: shipped, got none")
		}
		return nil
	}
	statuses := make(map[string]string, len(section.keys))
	for _, event := range section.keys {
		status := section.text(event)
		if status != "" && !slices.Contains(tracking.Statuses(), status) {
			section.fault(event, "unknown status %s%s", quote(status), suggest(status, tracking.Statuses()))
		}
		statuses[event] = status
	}
	return statuses
}
