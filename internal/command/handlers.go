package command

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/internal/catalog"
)

// defaultHandlersFile is read where it is there and no other is configured.
const defaultHandlersFile = "handlers.yaml"

// builtInSource is the source of handlers that no file names.
const builtInSource = "built in"

// handlers is what runs: the handlers of the configured file, and where they come from.
type handlers struct {
	*catalog.File
	source string
}

// readHandlers reads the handlers file and leaves the named handlers, or the configured ones, or all. Its errors are
// those of a configuration.
func readHandlers(config Config, names []string) (handlers, error) {
	found, err := findHandlers(config)
	if err != nil {
		return handlers{}, &usageError{err}
	}
	if len(names) == 0 {
		names = config.Handlers
	}
	if found.File, err = found.Select(names); err != nil {
		return handlers{}, &usageError{err}
	}
	return found, nil
}

func findHandlers(config Config) (handlers, error) {
	path := cmp.Or(config.HandlersFile, defaultHandlersFile)
	file, err := catalog.Load(path, config.defaults())
	if config.HandlersFile == "" && errors.Is(err, fs.ErrNotExist) {
		return handlers{File: catalog.BuiltIn(config.defaults()), source: builtInSource}, nil
	}
	return handlers{File: file, source: path}, err
}

func (c Config) defaults() catalog.Defaults {
	return catalog.Defaults{
		Concurrency:   c.Concurrency,
		MaxDeliveries: c.MaxDeliveries,
		MaxEventBytes: c.MaxEventBytes,
		Timeout:       c.Timeout,
		Backoff:       claim.Backoff{Min: c.BackoffMin, Max: c.BackoffMax},
	}
}

// hasKind tells whether a handler of one of the kinds is among them.
func (h handlers) hasKind(kinds ...string) bool {
	return slices.ContainsFunc(h.Handlers, func(spec catalog.Spec) bool { return slices.Contains(kinds, spec.Kind) })
}
