package catalog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// dependencies are enough to make every handler: no kind dials before its first event.
func dependencies(t *testing.T) Dependencies {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	return Dependencies{Redis: client, Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))}
}

func TestBuiltInCanBeBuilt(t *testing.T) {
	t.Chdir(t.TempDir())
	groups, err := BuiltIn(defaults()).Build(dependencies(t))
	if err != nil {
		t.Fatalf("Build of the built-in handlers: %v", err)
	}
	names := make([]string, 0, len(groups))
	for _, group := range groups {
		names = append(names, group.Name+" runs "+group.Kind)
		if err := group.Validate(); err != nil {
			t.Errorf("the built-in group %s: %v", group.Name, err)
		}
		if want := []string{"NEW_ORDER_RECEIVED"}; !reflect.DeepEqual(group.Events, want) {
			t.Errorf("%s handles %q, want %q", group.Name, group.Events, want)
		}
		if got, want := group.Timeout, defaults().Timeout; got != want {
			t.Errorf("%s has the timeout %v, want the default %v", group.Name, got, want)
		}
	}
	want := []string{"check_inventory runs inventory", "print_work_order runs workorder", "print_label runs label"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("the built-in handlers are %q, want %q", names, want)
	}
}

// needed is the options that a kind cannot do without.
var needed = map[string]string{
	"command": "argv: [/bin/sh]",
	"fastcgi": `address: "127.0.0.1:1", script: /srv/a.php`,
	"notify":  "smtp: smtp://127.0.0.1:1, from: shop@example.com",
	"webhook": `url: "http://127.0.0.1:1"`,
}

func TestEveryKindCanBeBuilt(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, kind := range kindNames() {
		file, err := Parse("f", []byte("handlers: {a: {events: [A], run: "+kind+", with: {"+needed[kind]+"}}}"), Defaults{})
		if err != nil {
			t.Errorf("Parse of a handler that runs %s: %v", kind, err)
			continue
		}
		groups, err := file.Build(dependencies(t))
		if err != nil || len(groups) != 1 || groups[0].Validate() != nil {
			t.Errorf("Build of a handler that runs %s = %+v, %v, want one group", kind, groups, err)
		}
		if err := Close(groups); err != nil {
			t.Errorf("Close of a handler that runs %s: %v", kind, err)
		}
	}
}

func TestBuildTellsOfEveryHandler(t *testing.T) {
	t.Parallel()
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	content := "handlers:\n" +
		"  one: {events: [A], run: label, with: {dir: " + taken + "}}\n" +
		"  two: {events: [A], run: inventory}\n"
	file, err := Parse("f", []byte(content), Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Build(Dependencies{})
	for _, want := range []string{"handler one: ", "handler two: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build without Redis into a file = %v, want it to tell of %q", err, want)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		names []string
		want  []string
		err   string
	}{
		{nil, []string{"check_inventory", "print_work_order", "print_label"}, ""},
		{[]string{"print_label", "check_inventory", "print_label"}, []string{"check_inventory", "print_label"}, ""},
		{
			[]string{"print_lable", "check_inventory", "webshop"},
			nil,
			"no handler is called \"print_lable\": did you mean print_label?\n" +
				"no handler is called \"webshop\"\nthe handlers are: check_inventory, print_work_order, print_label",
		},
	}
	for _, test := range tests {
		selected, err := BuiltIn(Defaults{}).Select(test.names)
		if got := message(err); got != test.err {
			t.Errorf("Select(%q) says %q, want %q", test.names, got, test.err)
		}
		if err == nil && !reflect.DeepEqual(selected.Names(), test.want) {
			t.Errorf("Select(%q) = %q, want %q", test.names, selected.Names(), test.want)
		}
	}
}

// message is what an error says, "" where there is none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLoad(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "handlers.yaml")
	if err := os.WriteFile(path, []byte("handlers:\n  a: {events: [A], run: label}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if file, err := Load(path, Defaults{}); err != nil || len(file.Handlers) != 1 {
		t.Errorf("Load of a good file = %v, %v, want one handler", file, err)
	}
	if _, err := Load(directory, Defaults{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("Load of a directory = %v, want an error that says so", err)
	}

	missing := filepath.Join(directory, "missing.yaml")
	_, err := Load(missing, Defaults{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "MILLRACE_HANDLERS_FILE") {
		t.Errorf("Load of a missing file = %v, want fs.ErrNotExist and MILLRACE_HANDLERS_FILE", err)
	}
}

func TestLoadStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	want := path + ": the file is larger than 1 MiB: expected a handlers file"
	if _, err := Load(path, Defaults{}); message(err) != want {
		t.Errorf("Load of 1 TiB says %q, want %q", message(err), want)
	}
}
