package paper_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/paper"
)

func TestDirectoryWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "on demand")
	directory := newDirectory(t, path)
	for _, content := range []string{"first", "other", ""} {
		if err := directory.Write("a.pdf", []byte(content)); err != nil {
			t.Fatalf("Write(%q): %v", content, err)
		}
		if got := read(t, filepath.Join(path, "a.pdf")); got != content {
			t.Errorf("the file holds %q, want %q", got, content)
		}
	}
	info, err := os.Stat(filepath.Join(path, "a.pdf"))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("the file's mode is %v, %v, want 0644", info.Mode(), err)
	}
	if names := list(t, path); len(names) != 1 {
		t.Errorf("the directory holds %q, want the one file", names)
	}
}

func TestDirectoryLeavesTheSameContentAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	directory := newDirectory(t, path)
	file := filepath.Join(path, "a.pdf")
	yesterday := time.Now().Add(-24 * time.Hour)
	for _, test := range []struct {
		content string
		written bool
	}{{"first", true}, {"first", false}, {"other", true}} {
		_ = os.Chtimes(file, yesterday, yesterday)
		if err := directory.Write("a.pdf", []byte(test.content)); err != nil {
			t.Fatalf("Write(%q): %v", test.content, err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if written := time.Since(info.ModTime()) < time.Hour; written != test.written {
			t.Errorf("Write(%q) wrote the file: %v, want %v", test.content, written, test.written)
		}
	}
}

func TestDirectoryRefusesPaths(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	directory := newDirectory(t, filepath.Join(parent, "printed"))
	for _, name := range []string{"../a.pdf", "a/b.pdf", "/a.pdf", "", ".", "..", ".hidden"} {
		if err := directory.Write(name, []byte("x")); err == nil {
			t.Errorf("Write(%q) is accepted, want an error", name)
		}
	}
	if names := list(t, parent); len(names) != 0 {
		t.Errorf("refused names left %q behind", names)
	}
}

func TestDirectoryErrorsNameThePath(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := paper.NewDirectory(file); err == nil || !strings.Contains(err.Error(), file+" is a file") {
		t.Errorf("NewDirectory of a file: %v, want an error that says so", err)
	}
	if err := newDirectory(t, filepath.Join(file, "below")).Write("a.pdf", nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Write below a file: %v, want an error that names %s", err, file)
	}
	taken := filepath.Join(parent, "printed", "taken.pdf")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := newDirectory(t, filepath.Join(parent, "printed")).Write("taken.pdf", []byte("x"))
	if !errors.As(err, new(*os.LinkError)) || !strings.HasPrefix(err.Error(), "write "+taken+": ") {
		t.Errorf("Write over a directory: %v, want an error that names %s", err, taken)
	}
	if names := list(t, filepath.Join(parent, "printed")); len(names) != 1 {
		t.Errorf("the failed write left %q behind, want the directory alone", names)
	}
}

func TestDirectorySweepsLeftovers(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	old, young := time.Now().Add(-2*time.Hour), time.Now().Add(-50*time.Minute)
	for name, changed := range map[string]time.Time{".tmp-1": old, ".tmp-2": young, "old.pdf": old, ".other": old} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(path, name), changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	if err := newDirectory(t, path).Write("a.pdf", nil); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if got, want := strings.Join(list(t, path), " "), ".other .tmp-2 a.pdf old.pdf"; got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func newDirectory(t testing.TB, path string) *paper.Directory {
	t.Helper()
	directory, err := paper.NewDirectory(path)
	if err != nil {
		t.Fatalf("NewDirectory(%q): %v", path, err)
	}
	return directory
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func list(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
