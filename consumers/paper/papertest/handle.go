package papertest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// NewDelivery is the first delivery of a NEW_ORDER_RECEIVED of 2025-11-21 04:40 UTC with the given ID and data.
func NewDelivery(id, data string) *consumers.Delivery {
	event := stream.Event{Name: "NEW_ORDER_RECEIVED", ID: id, Data: []byte(data), Time: time.UnixMilli(1763700000000)}
	return &consumers.Delivery{Event: event, Group: "printing", Deliveries: 1}
}

// Print handles an order and returns the one file that is then in directory, which was empty before.
func Print(t *testing.T, handler consumers.Handler, directory, data string) []byte {
	t.Helper()
	if err := handler.Handle(t.Context(), NewDelivery("1763700000000-0", data)); err != nil {
		t.Fatalf("Handle(%.200s): %v", data, err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.pdf"))
	if err != nil || len(files) != 1 {
		t.Fatalf("Handle(%.200s) made the files %q, %v, want one", data, files, err)
	}
	pdf, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}
