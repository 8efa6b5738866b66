package catalog

import (
	"slices"

	"github.com/millrace/millrace/consumers/inventory"
	"github.com/millrace/millrace/consumers/notify"
	"github.com/millrace/millrace/consumers/tracking"
)

// ScriptTexts returns the text of every Lua script that a kind runs, for a server that runs no others.
func ScriptTexts() []string {
	return slices.Concat(inventory.ScriptTexts(), notify.ScriptTexts(), tracking.ScriptTexts())
}
