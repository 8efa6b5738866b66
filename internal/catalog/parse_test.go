package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// defaults are values that no file of these tests names, so that it shows where they were used.
func defaults() Defaults {
	return Defaults{
		Concurrency:   7,
		MaxDeliveries: 9,
		MaxEventBytes: 1 << 16,
		Timeout:       33 * time.Second,
		Backoff:       claim.Backoff{Min: 2 * time.Second, Max: 3 * time.Minute},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	const content = "\ufeff# every key\r\n" + `
handlers:
  check_inventory:
    events: [NEW_ORDER_RECEIVED, "order.*"]
    unnamed: orders.created
    run: inventory
    with: {stock_key: stock, keep: 48h}
    concurrency: 8
    timeout: 10s
    max_deliveries: 5
    backoff: {min: 1s, max: 5m}
    dedupe: 24h
    from: beginning
    emit: {acked: INVENTORY_RESERVED, dead_lettered: inventory.failed}
    keep_results: true
  print.label-2:
    run: label
    with:
      sender: |
        Mill Lane 1
        1000 Watertown
    events:
      - "print.*"
    backoff:
      max: 1h30m
`
	file, err := Parse("handlers.yaml", []byte(content), defaults())
	if err != nil {
		t.Fatalf("Parse of a good file: %v", err)
	}
	got := make([]consumers.GroupOptions, 0, 2)
	for _, spec := range file.Handlers {
		got = append(got, spec.GroupOptions)
	}
	want := []consumers.GroupOptions{{
		Name:          "check_inventory",
		Kind:          "inventory",
		Events:        []string{"NEW_ORDER_RECEIVED", "order.*"},
		Unnamed:       "orders.created",
		Concurrency:   8,
		Timeout:       10 * time.Second,
		MaxDeliveries: 5,
		Backoff:       claim.Backoff{Min: time.Second, Max: 5 * time.Minute},
		Dedupe:        24 * time.Hour,
		From:          stream.FromBeginning(),
		Emit:          stream.Emit{Acked: "INVENTORY_RESERVED", DeadLettered: "inventory.failed"},
		KeepResults:   true,
		MaxEventBytes: 1 << 16,
	}, {
		Name:          "print.label-2",
		Kind:          "label",
		Events:        []string{"print.*"},
		Concurrency:   7,
		Timeout:       33 * time.Second,
		MaxDeliveries: 9,
		Backoff:       claim.Backoff{Min: 2 * time.Second, Max: 90 * time.Minute},
		MaxEventBytes: 1 << 16,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse = %+v\nwant    %+v", got, want)
	}
	if got, want := file.Handlers[1].Line, 17; got != want {
		t.Errorf("the second handler stands in line %d, want %d", got, want)
	}
}

// TestFaults reads every file of testdata/faults and compares what is said about it with the comment lines at its end,
// which begin with `#! `. There, (every kind) stands for the list of kinds.
func TestFaults(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/faults: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(content)), "#! ")[1:]
			for i := range want {
				want[i] = strings.ReplaceAll(strings.TrimSpace(want[i]), "(every kind)", strings.Join(kindNames(), ", "))
			}
			if got := faultLines("handlers.yaml", content); !reflect.DeepEqual(got, want) {
				t.Errorf("Parse(%s) said\n%s\nwant\n%s", path, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// faultLines is what Parse says against the content, one fault each.
func faultLines(name string, content []byte) []string {
	_, err := Parse(name, content, defaults())
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestFaultsOfTheWholeFile(t *testing.T) {
	t.Parallel()
	const good = "handlers:\n  a:\n    events: [A]\n    run: label\n"
	nested := "handlers: " + strings.Repeat("[", 10_000)
	tests := []struct{ name, content, want string }{
		{"nothing", "", "f: the file is empty: expected `handlers:` and at least one handler below it"},
		{"comments", "# one\n---\n# two\n", "f: the file is empty: expected `handlers:` and at least one handler below it"},
		{"no section", "just words\n", "f:1: expected the section `handlers:`, got \"just words\""},
		{"a list", "- handlers\n", "f:1: expected the section `handlers:`, got a list"},
		{"no handlers", "handlers:\n", "f:1: handlers: expected at least one handler, got none"},
		{"empty handlers", "\nhandlers: {}\n", "f:2: handlers: expected at least one handler, got none"},
		{"handlers is a list", "handlers: [a]\n", "f:1: expected `handlers:` to hold handlers by name, got a list"},
		{"two documents", good + "---\n" + good, "f:6: a second document begins here: expected one, without ---"},
		{"a directive", "%YAML 1.2\n---\n" + good, "f:1: directives (%name) are not accepted"},
		{"Latin-1", good + "# caf\xe9\n", "f:5: the file is not UTF-8 text: save it as UTF-8"},
		{"UTF-16", "\xff\xfeh\x00", "f:1: the file is not UTF-8 text: save it as UTF-8"},
		{"control character", good + "# \x1b[0m\n", "f:5: a control character stands here: YAML takes printable text only"},
		{"too large", good + strings.Repeat("#\n", 1<<19), "f: the file is larger than 1 MiB: expected a handlers file"},
		{
			"too many words", good + "    with: [" + strings.Repeat("a,", 30_000) + "]",
			"f: the file holds more than 50000 words and signs: run so many handlers from several files",
		},
		{"deep brackets", nested, "f:1: lists and sections stand more than 20 deep in one another"},
		{"deep dashes", strings.Repeat("- ", 400), "f:1: lists and sections stand more than 20 deep in one another"},
		{"open bracket", "handlers: [a\n", "f:1: the file is no YAML: sequence end token ']' not found"},
		{"tab", "handlers:\n\ta: 1\n", "f:2: a tab stands in the indentation: YAML takes spaces only"},
		{
			"tab after a key", "handlers:\n  a:\n    events: [A]\n\trun: label\n",
			"f:4: a tab stands in the indentation: YAML takes spaces only",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(faultLines("f", []byte(test.content)), "\n"); got != test.want {
				t.Errorf("Parse said %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestAliasesDoNotGrow reads the file that becomes 10^9 texts where aliases are followed.
func TestAliasesDoNotGrow(t *testing.T) {
	t.Parallel()
	content := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for name := 'b'; name <= 'i'; name++ {
		content += string(name) + ": &" + string(name) + " [" + strings.Repeat("*"+string(name-1)+", ", 10) + "]\n"
	}
	_, err := Parse("f", []byte(content+"handlers: *i\n"), Defaults{})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("Parse = %v, want Faults", err)
	}
	if got, want := strings.Count(err.Error(), "\n")+1, 51; got != want {
		t.Errorf("Parse of %d faults says %d lines, want %d", len(faults), got, want)
	}
	if got, want := err.Error(), "more"; !strings.HasSuffix(got, want) {
		t.Errorf("Parse of %d faults ends with %q, want %q", len(faults), got[len(got)-20:], want)
	}
}
