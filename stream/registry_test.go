package stream

import (
	"strings"
	"testing"
)

func TestMatchName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ fits, others []string }{
		"E":         {[]string{"E"}, []string{"", "e", "EE", "E "}},
		"*":         {[]string{"", "E", "order.created", "订单"}, nil},
		"order.*":   {[]string{"order.", "order.created", "order.a.b"}, []string{"order", "orders.created", "an.order.x"}},
		"*.created": {[]string{".created", "order.created", ".created.created"}, []string{"created", "order.created."}},
		"a*b*c":     {[]string{"abc", "a-b-c", "abbc", "abcbc"}, []string{"ab", "acb", "abcd", "ac"}},
		"a*a":       {[]string{"aa", "aba"}, []string{"a", "ab"}},
		"**":        {[]string{"", "x"}, nil},
		"a**b":      {[]string{"ab", "axb"}, []string{"a", "b"}},
		"a.c":       {[]string{"a.c"}, []string{"abc"}},
		"[ab]?":     {[]string{"[ab]?"}, []string{"a1"}},
		"":          {[]string{""}, []string{"E"}},
	}
	for pattern, test := range tests {
		for _, name := range test.fits {
			if !MatchName(pattern, name) {
				t.Errorf("MatchName(%q, %q) = false, want true", pattern, name)
			}
		}
		for _, name := range test.others {
			if MatchName(pattern, name) {
				t.Errorf("MatchName(%q, %q) = true, want false", pattern, name)
			}
		}
	}
	// A pattern of many stars is matched in one pass over the name.
	if MatchName(strings.Repeat("*a", 1000)+"b", strings.Repeat("a", 100_000)) {
		t.Error("MatchName of many stars and no b = true, want false")
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	registration := Registration{Events: []string{"NEW_ORDER_RECEIVED", "order.*"}}
	for name, want := range map[string]bool{"NEW_ORDER_RECEIVED": true, "order.paid": true, "NEW_ORDER": false, "": false} {
		if got := registration.Wants(name); got != want {
			t.Errorf("Wants(%q) of %q = %t, want %t", name, registration.Events, got, want)
		}
	}
	if (Registration{}).Wants("E") {
		t.Error("a group without events wants E")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"NEW_ORDER_RECEIVED", "ORDER_CANCELLED", "PAID", "order.created"}
	for name, want := range map[string]string{
		"NEW_ORDER_RECIEVED": "NEW_ORDER_RECEIVED",
		"new_order_received": "NEW_ORDER_RECEIVED",
		"NEW_ORDERS":         "",
		"ORDER_CANCELED":     "ORDER_CANCELLED",
		"order_created":      "order.created",
		"PIAD":               "PAID",
		"REFUND":             "",
		"":                   "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q, %q) = %q, want %q", name, known, got, want)
		}
	}
	if got := Nearest("E", nil); got != "" {
		t.Errorf("Nearest among none = %q, want none", got)
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"abc", "abc"}: 0, {"abc", "abd"}: 1, {"abc", "ac"}: 1, {"ab", "ba"}: 2,
		{"kitten", "sitting"}: 3,
	} {
		if got := editDistance(pair[0], pair[1]); got != want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
