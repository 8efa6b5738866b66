package php

import (
	"os"
	"strings"
	"testing"
)

// source is the source of Millrace.
const source = "../../.."

func newHandler(t *testing.T) *Handler {
	t.Helper()
	handler, err := NewHandler(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handler.Remove(); err != nil {
			t.Error(err)
		}
	})
	return handler
}

func TestAccount(t *testing.T) {
	t.Parallel()
	const first, second = "1795275000000000000-0\n", "1795275000000000000-1\n"
	tests := map[string]struct{ journal, fault string }{
		"both":    {first + second, ""},
		"missing": {second, "1 of 2 events missing, 0 doubled"},
		"doubled": {first + second + first, "0 of 2 events missing, 1 doubled"},
		"foreign": {first + second + "1795275000000000000-2\n", "1 that were never sent"},
	}
	for name, test := range tests {
		handler := newHandler(t)
		if err := os.WriteFile(handler.path(journalName), []byte(test.journal), 0o600); err != nil {
			t.Fatal(err)
		}
		accounts, err := handler.Account(2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fault := accounts[0].Fault(2)
		if (fault == nil) != (test.fault == "") || fault != nil && !strings.Contains(fault.Error(), test.fault) {
			t.Errorf("%s: the fault is %v, want %q", name, fault, test.fault)
		}
	}
}

func TestAJournalThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	handler := newHandler(t)
	if _, err := handler.Account(1); err == nil {
		t.Error("Account without a journal: got no error")
	}
	if err := os.WriteFile(handler.path(journalName), []byte("1795275000000000000-0\n17952"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Account(1); err == nil || !strings.Contains(err.Error(), "no ID of an order") {
		t.Errorf("Account of a journal with half a line: got %v, want an error that says so", err)
	}
}
