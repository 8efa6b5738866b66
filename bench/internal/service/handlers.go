package service

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/system"
)

// Inventory is the handlers file in which each group reserves stock of its own.
func Inventory(target system.Target) string {
	return handlersFile(target, "inventory", func(group string) string { return "stock_key: " + system.StockKey(group) })
}

// Kind is the handlers file in which each group runs this kind, with these options in YAML's flow style.
func Kind(target system.Target, kind, options string) string {
	return handlersFile(target, kind, func(string) string { return options })
}

func handlersFile(target system.Target, kind string, options func(group string) string) string {
	text := strings.Builder{}
	text.WriteString("handlers:\n")
	for _, group := range target.Groups {
		fmt.Fprintf(&text, "  %s:\n    events: [%s]\n    run: %s\n    with: {%s}\n    from: beginning\n",
			group, order.Name, kind, options(group))
	}
	return text.String()
}
