// Package service builds the real program and runs it as an operator would: with environment variables, a handlers file and
// signals.
package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is where the program's source is.
const module = "github.com/millrace/millrace"

// Binary is the program, built.
type Binary struct{ source, dir string }

// Build builds the program with the go command that the PATH names, as the Dockerfile does. The caller ends it with Remove.
func Build(ctx context.Context) (*Binary, error) {
	source, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("find the source of millrace (run the benchmark in its directory): %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-millrace-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for millrace: %w", err)
	}
	binary := &Binary{source: strings.TrimSpace(string(source)), dir: dir}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary.path(), ".")
	build.Dir, build.Env = binary.source, append(build.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build millrace: %w\n%s", err, output), binary.Remove())
	}
	return binary, nil
}

func (b *Binary) path() string { return filepath.Join(b.dir, "millrace") }

// Source is the directory of the program's source.
func (b *Binary) Source() string { return b.source }

// Remove removes the program.
func (b *Binary) Remove() error { return os.RemoveAll(b.dir) }
