package catalog

import (
	"strings"
	"testing"
)

func TestCommandIsBuilt(t *testing.T) {
	t.Parallel()
	tests := []struct{ with, fault string }{
		{"{argv: [sh, -c, exit]}", ""},
		{"{argv: [sh], mode: once}", ""},
		{"{argv: [sh], mode: persistent, max_events: 10, dir: testdata, environment: [SHOP, PATH]}", ""},
		{"{argv: [sh], environment: [SHOP, ERP_DSN]}", "handler a: environment: the variable ERP_DSN is not set"},
		{"{argv: [sh], environment: [ERP_DSN, ERP_DIR]}", "ERP_DSN is not set: set it, or take it off the list\nenvironment: the variable ERP_DIR is not set"},
		{"{argv: [gone], environment: [ERP_DSN]}", "take it off the list\ncommand: argv: no program"},
		{"{argv: [no-such-program]}", `handler a: command: argv: no program "no-such-program" is in the PATH`},
		{"{argv: [sh, gone.sh]}", "handler a: command: argv: stat gone.sh: no such file"},
		{"{argv: [sh], dir: gone}", "handler a: command: dir: stat gone: no such file"},
		{"{argv: [sh], environment: [MILLRACE_EVENT]}", "MILLRACE_EVENT is set by the handler itself"},
	}
	for _, test := range tests {
		file, err := Parse("f", []byte("handlers: {a: {events: [A], run: command, with: "+test.with+"}}"), Defaults{})
		if err != nil {
			t.Fatalf("Parse of %s: %v", test.with, err)
		}
		with := dependencies(t)
		with.Environment = map[string]string{"PATH": "/usr/bin:/bin", "SHOP": "", "MILLRACE_EVENT": "x", "SECRET": "s"}
		groups, err := file.Build(with)
		if got := message(err); (got == "") != (test.fault == "") || !strings.Contains(got, test.fault) {
			t.Errorf("Build of %s says %q, want %q", test.with, got, test.fault)
		}
		if err := Close(groups); err != nil {
			t.Errorf("Close of %s: %v", test.with, err)
		}
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"PATH": "/bin", "SHOP": "north", "SECRET": "s"}
	for _, test := range []struct{ names, want string }{
		{"", "PATH=/bin"}, {"SHOP", "PATH=/bin SHOP=north"}, {"SHOP PATH", "SHOP=north PATH=/bin"},
	} {
		got, err := allow(strings.Fields(test.names), environment)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("allow(%q) = %q, %v, want %q", test.names, got, err, test.want)
		}
	}
}
