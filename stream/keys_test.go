package stream

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/redistest"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	names := map[string]func(Keys) string{
		"":                          Keys.Stream,
		"dead:g":                    func(k Keys) string { return k.Dead("g") },
		"attempts:g":                func(k Keys) string { return k.Attempts("g") },
		"groups":                    Keys.Groups,
		"consumers:g":               func(k Keys) string { return k.Consumers("g") },
		"sweep:g":                   func(k Keys) string { return k.Sweep("g") },
		"done:g:E:1":                func(k Keys) string { return k.Done("g", "E", "1") },
		"published:E:1":             func(k Keys) string { return k.Published("E", "1") },
		"published-batch:0f":        func(k Keys) string { return k.PublishedBatch("0f") },
		"reserved:E:1":              func(k Keys) string { return k.Of("reserved", "E", "1") },
		"published:a%3Ab%25:c:d%":   func(k Keys) string { return k.Published("a:b%", "c:d%") },
		"published:E:" + long[:128]: func(k Keys) string { return k.Published("E", long[:128]) },
	}
	prefixes := map[string]string{
		"event_stream": "{event_stream}:", "{shop}:events": "{shop}:events:", "a{b}c": "a{b}c:", "订": "", "a:b": "{a:b}:",
	}
	for stream, prefix := range prefixes {
		keys, err := NewKeys(stream)
		if (err == nil) != (prefix != "") {
			t.Errorf("NewKeys(%q): error %v, want none: %t", stream, err, prefix != "")
		}
		if err != nil {
			continue
		}
		for name, key := range names {
			want := prefix + name
			if name == "" {
				want = stream
			}
			if got := key(keys); got != want {
				t.Errorf("stream %q: key %q, want %q", stream, got, want)
			}
		}
		if got := keys.Published("E", long); len(got) != len(prefix)+len("published:E:")+64 {
			t.Errorf("stream %q: key of a long event ID %q, want 64 hexadecimal digits at its end", stream, got)
		}
	}
}

func TestNewKeysRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "a b", "a\nb", "a\x00", "订单", strings.Repeat("x", 257), "{}", "{}a", "{a", "a}", "}a{", "{a}{b}", "{{a}}", "a{b}}",
	} {
		if _, err := NewKeys(name); err == nil || !strings.Contains(err.Error(), "stream name") {
			t.Errorf("NewKeys(%q): error %v, want one about the stream name", name, err)
		}
	}
}

func TestEventKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string][2]string{}
	for _, pair := range [][2]string{
		{"a", "b"},
		{"a:b", ""},
		{"", "a:b"},
		{"a", "b:"},
		{"a%3Ab", ""},
		{"a%253Ab", ""},
		{"a:", "b"},
		{"a", ":b"},
		{"a", strings.Repeat("x", 129)},
		{"a", strings.Repeat("x", 130)},
	} {
		key := eventKey(pair[0], pair[1])
		if other, double := seen[key]; double {
			t.Errorf("eventKey%q and eventKey%q are both %q", pair, other, key)
		}
		seen[key] = pair
	}
}

func TestCheckGroup(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"check_inventory": true, "a": true, "A-1.b_c": true, strings.Repeat("x", 64): true,
		"": false, "a b": false, "a:b": false, "{a}": false, "组": false, strings.Repeat("x", 65): false, "a\n": false,
	} {
		if err := CheckGroup(name); (err == nil) != valid {
			t.Errorf("CheckGroup(%q) = %v, want it valid: %t", name, err, valid)
		}
	}
}

// TestKeysShareASlot asks a Redis Cluster itself.
func TestKeysShareASlot(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--cluster-enabled", "yes")
	for _, stream := range []string{"event_stream", "{shop}:events", "a:b"} {
		keys, err := NewKeys(stream)
		if err != nil {
			t.Fatal(err)
		}
		want := server.CLI("cluster", "keyslot", stream)
		for _, key := range []string{
			keys.Dead("g"), keys.Attempts("g"), keys.Groups(), keys.Consumers("g"), keys.Sweep("g"),
			keys.Done("g", "{x}", "{y}"), keys.Published("{x}", "{y}"), keys.PublishedBatch("0f"),
		} {
			if got := server.CLI("cluster", "keyslot", key); got != want {
				t.Errorf("key %q is in slot %s, the stream %q in %s", key, got, stream, want)
			}
		}
	}
}
