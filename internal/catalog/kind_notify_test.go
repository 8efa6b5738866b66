package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotifyReadsItsFilesAtStart builds handlers with templates and passwords in files.
func TestNotifyReadsItsFilesAtStart(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret, good := write("password", " hunter2\n"), write("good.txt", "\ufeffHello {{.Order.Number}}")
	typo, latin := write("typo.html", "<p>\n{{.Ordr}}</p>"), write("latin.txt", "caf\xe9")
	large, missing := write("large.txt", strings.Repeat("x", 1<<20+1)), filepath.Join(directory, "missing.txt")
	tests := map[string]string{
		"text_file: " + good:                "",
		"html_file: " + typo:                "html: line 2: {{.Ordr}}: can't evaluate field Ordr in type *notify.View",
		"text_file: " + latin:               "text_file: " + latin + " is not UTF-8 text: save it as UTF-8",
		"text_file: " + large:               "text_file: " + large + " is larger than 1 MiB: expected a template",
		"text_file: " + missing:             "text_file: open " + missing,
		"ca_file: " + missing:               "ca_file: open " + missing,
		"ca_file: " + good:                  "ca_file: " + good + ": expected certificates in PEM form",
		"user: a, password_file: " + secret: "",
		"user: a, password_env: SET":        "",
		"user: a, password_env: UNSET":      "password_env: the variable UNSET is not set, or empty",
	}
	for with, want := range tests {
		content := "handlers: {a: {events: [A], run: notify, with: {" + needed["notify"] + ", " + with + "}}}"
		file, err := Parse("f", []byte(content), Defaults{})
		if err != nil {
			t.Errorf("%s: %v", with, err)
			continue
		}
		made := dependencies(t)
		made.Environment = map[string]string{"SET": "hunter2"}
		_, err = file.Build(made)
		if got := message(err); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: Build said %q, want %q", with, got, want)
		}
		if strings.Contains(message(err), "hunter2") {
			t.Errorf("%s: Build repeats the password: %v", with, err)
		}
	}
}
