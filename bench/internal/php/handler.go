package php

import (
	"bytes"
	_ "embed" // for the script
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/order"
)

//go:embed points.php
var script []byte

const (
	scriptName  = "points.php"
	helperName  = "millrace.php"
	journalName = "journal"
)

// Handler is the handler in a directory of its own, where it keeps its journal.
type Handler struct{ dir string }

// NewHandler puts the handler into a new directory, with the helper that stands in the examples of Millrace's source. The
// caller ends it with Remove.
func NewHandler(source string) (*Handler, error) {
	helper, err := os.ReadFile(filepath.Join(source, "examples", "php", helperName))
	if err != nil {
		return nil, fmt.Errorf("find the helper for handlers in PHP: %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-php-") // the path of a socket is short
	if err != nil {
		return nil, fmt.Errorf("make a directory for a handler in PHP: %w", err)
	}
	h := &Handler{dir: dir}
	err = errors.Join(os.WriteFile(h.Script(), script, 0o600), os.WriteFile(h.path(helperName), helper, 0o600))
	if err != nil {
		return nil, errors.Join(err, h.Remove())
	}
	return h, nil
}

// Script is the handler's path.
func (h *Handler) Script() string { return h.path(scriptName) }

func (h *Handler) path(name string) string { return filepath.Join(h.dir, name) }

// Account is what the handler has noted: which of the events whose sequence numbers are below expected.
func (h *Handler) Account(expected int) ([]check.Account, error) {
	journal, err := os.ReadFile(h.path(journalName))
	if err != nil {
		return nil, fmt.Errorf("read what the handler in PHP noted: %w", err)
	}
	seen := check.New(1, expected)
	for line := range bytes.Lines(journal) {
		event := order.Event{}
		if err := event.SetID(string(bytes.TrimSuffix(line, []byte("\n")))); err != nil {
			return nil, fmt.Errorf("read what the handler in PHP noted: %w", err)
		}
		seen.Saw(0, event.Sequence)
	}
	return seen.Account(), nil
}

// Remove removes the directory.
func (h *Handler) Remove() error { return os.RemoveAll(h.dir) }
