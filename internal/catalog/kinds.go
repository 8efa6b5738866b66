package catalog

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/inventory"
	"github.com/millrace/millrace/consumers/label"
	"github.com/millrace/millrace/consumers/workorder"
	"github.com/millrace/millrace/stream"
)

// constructor makes a handler of options that were read already.
type constructor func(Dependencies) (consumers.Handler, error)

// kind reads the options of one handler, which stand under `with`, and returns what makes it. It asks for every option
// by name and leaves it to its caller to report the others.
type kind func(with *section) constructor

// kinds is the table from what `run` says to what makes the handler: a new kind is one line here and one function
// below.
func kinds() map[string]kind {
	return map[string]kind{
		"command":   readCommand,
		"fastcgi":   readFastCGI,
		"inventory": readInventory,
		"label":     readLabel,
		"notify":    readNotify,
		"tracking":  readTracking,
		"webhook":   readWebhook,
		"workorder": readWorkOrder,
	}
}

// kindNames lists what `run` may say.
func kindNames() []string { return slices.Sorted(maps.Keys(kinds())) }

func readInventory(with *section) constructor {
	options := inventory.Options{
		StockKey: with.text("stock_key"),
		Keep:     with.duration("keep", 0, time.Minute, 365*day),
	}
	if options.StockKey != "" {
		if _, err := stream.NewKeys(options.StockKey); err != nil {
			with.fault("stock_key", "expected the same form as a stream's name, got %s", quote(options.StockKey))
		}
	}
	return func(dependencies Dependencies) (consumers.Handler, error) {
		connected := options
		connected.Redis = dependencies.Redis
		return inventory.New(connected)
	}
}

func readLabel(with *section) constructor {
	to := readDestination(with)
	options := label.Options{
		Dir: to.Dir, Printer: to.Printer, CAFile: to.CAFile, Format: readFormat(with), Sender: with.text("sender"),
	}
	if length := utf8.RuneCountInString(options.Sender); length > label.MaxSenderLength {
		with.fault("sender", "expected at most %d characters, got %d", label.MaxSenderLength, length)
	}
	return func(Dependencies) (consumers.Handler, error) { return label.New(options) }
}

func readWorkOrder(with *section) constructor {
	options := workorder.Options(readDestination(with))
	return func(Dependencies) (consumers.Handler, error) { return workorder.New(options) }
}
