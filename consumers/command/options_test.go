package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/command"
)

func TestFaultsOfOptions(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, mode := range map[string]os.FileMode{"runs": 0o700, "plain": 0o600, "php8.2": 0o700, "erp.php": 0o600} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	path := []string{"PATH=relative:" + directory}
	tests := []struct {
		name    string
		options command.Options
		faults  []string // none: it is accepted
	}{
		{"nothing", command.Options{}, []string{"argv: expected a program"}},
		{"empty program", command.Options{Argv: []string{"", "a"}}, []string{"argv: expected a program"}},
		{"zero byte", command.Options{Argv: []string{"sh", "a\x00b"}}, []string{"argv: an argument holds a zero byte"}},
		{"in the PATH", command.Options{Argv: []string{"runs"}, Environment: path}, nil},
		{"no PATH", command.Options{Argv: []string{"runs"}}, []string{`no program "runs" is in the PATH, which is "": install it`}},
		{
			"missing",
			command.Options{Argv: []string{"phpp"}, Environment: path},
			[]string{`no program "phpp" is in the PATH, which is "` + directory + `"`},
		},
		{"relative", command.Options{Argv: []string{"./runs"}, Dir: directory}, nil},
		{
			"without its directory",
			command.Options{Argv: []string{"runs"}, Dir: directory},
			[]string{"for the file in the working directory, say ./runs"},
		},
		{"relative to another directory", command.Options{Argv: []string{"./runs"}}, []string{"argv: stat runs: no such file"}},
		{"no program", command.Options{Argv: []string{"./plain"}, Dir: directory}, []string{"plain is not executable: run `chmod +x`"}},
		{"a directory", command.Options{Argv: []string{directory}}, []string{"is a directory"}},
		{"a script", command.Options{Argv: []string{"php8.2", "-d", "x=1", "erp.php"}, Environment: path, Dir: directory}, nil},
		{
			"a missing script",
			command.Options{Argv: []string{"php8.2", "erq.php"}, Environment: path, Dir: directory},
			[]string{"argv: stat " + directory + "/erq.php: no such file"},
		},
		{"no script", command.Options{Argv: []string{"php8.2", "-r", "work();"}, Environment: path}, nil},
		{"another's script", command.Options{Argv: []string{"runs", "new.php"}, Environment: path}, nil},
		{"missing directory", command.Options{Argv: []string{directory + "/runs"}, Dir: "none"}, []string{"dir: stat none"}},
		{"no directory", command.Options{Argv: []string{directory + "/runs"}, Dir: directory + "/plain"}, []string{"plain is no directory"}},
		{
			"all at once",
			command.Options{
				Mode: "forever", MaxEvents: -1,
				Environment: []string{"", "1=2", "A B=c", "A=\x00", "MILLRACE_EVENT_ID=1", "OK_1="},
			},
			[]string{
				`mode: expected once or persistent, got "forever"`, "max_events: expected zero or more, got -1",
				`got the name ""`, `got the name "1"`, `got the name "A B"`, `got the name "A"`,
				"MILLRACE_EVENT_ID is set by the handler itself", "argv: expected a program",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := command.New(test.options)
			if got := len(strings.Split(message(err), "\n")); err != nil && got != len(test.faults) || err == nil && len(test.faults) > 0 {
				t.Errorf("New: got %q, want %d faults", message(err), len(test.faults))
			}
			for _, want := range test.faults {
				if !strings.Contains(message(err), want) {
					t.Errorf("New: got %q, want it to tell of %q", message(err), want)
				}
			}
		})
	}
}
