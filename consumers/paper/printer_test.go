package paper_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/stream"
)

func newPrinter(t *testing.T, path string) *paper.Printer {
	return &paper.Printer{
		Kind: "note", Output: newDirectory(t, path),
		Compose: func(order order.Order, _ stream.Event) ([]byte, error) {
			if order.Notes == "impossible" {
				return nil, errors.New("no such page")
			}
			return []byte(order.Number), nil
		},
	}
}

func newDelivery(id, data string) *consumers.Delivery {
	return &consumers.Delivery{
		Event: stream.Event{Name: "NEW_ORDER_RECEIVED", ID: id, Data: []byte(data), Time: moment}, Group: "notes", Deliveries: 1,
	}
}

func TestPrinterVerdicts(t *testing.T) {
	t.Parallel()
	permanent := consumers.Permanent(errors.New(""))
	stopped, stop := context.WithCancelCause(t.Context())
	stop(consumers.ErrShutdown)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const good = `{"order_id":7,"items":[{"product_id":1,"quantity":2}]}`
	tests := map[string]struct {
		ctx       context.Context
		path      string
		data      string
		want      string
		permanent bool
	}{
		"printed":      {t.Context(), "", good, "", false},
		"bad data":     {t.Context(), "", `{"order_id":7}`, "not a valid order: items: missing", true},
		"bad page":     {t.Context(), "", strings.Replace(good, `{`, `{"notes":"impossible",`, 1), `print order "7": no such page`, true},
		"disk trouble": {t.Context(), filepath.Join(file, "below"), good, file, false},
		"told to stop": {stopped, "", good, consumers.ErrShutdown.Error(), false},
	}
	for name, test := range tests {
		path := test.path
		if path == "" {
			path = filepath.Join(t.TempDir(), "printed")
		}
		err := newPrinter(t, path).Handle(test.ctx, newDelivery("1-0", test.data))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Handle: %v, want %q", name, err, test.want)
		}
		if got := sameType(err, permanent); got != test.permanent {
			t.Errorf("%s: Handle: %v is permanent: %v, want %v", name, err, got, test.permanent)
		}
		if _, statError := os.Stat(path); (statError == nil) != (err == nil) {
			t.Errorf("%s: the directory is there: %v, want %v", name, statError == nil, err == nil)
		}
	}
}

func TestPrinterNamesFilesByEvent(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	printer := newPrinter(t, path)
	const data = `{"order_id":7,"items":[{"product_id":1,"quantity":2}]}`
	for _, id := range []string{"first", "second", "first"} {
		if err := printer.Handle(t.Context(), newDelivery(id, data)); err != nil {
			t.Fatalf("Handle of event %q: %v", id, err)
		}
	}
	if names := list(t, path); len(names) != 2 || !strings.HasPrefix(names[0], "note-7-") {
		t.Errorf("two events, one of them delivered twice, made %q, want two files note-7-*.pdf", names)
	}
}

// sameType tells whether two errors have the same type: what marks an error as permanent is not exported.
func sameType(a, b error) bool { return fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b) }
