package main_test

import (
	"slices"
	"strings"
	"testing"
)

// TestOneToolchain holds what is built elsewhere against what is tested here: go.mod names one release of Go, and the
// image is built with the same.
func TestOneToolchain(t *testing.T) {
	toolchain := find(`(?m)^toolchain go(\d+\.\d+\.\d+)$`, read(t, "go.mod"))
	image := find(`(?m)^FROM docker\.io/library/golang:([^-]+)-`, read(t, "Dockerfile"))
	if len(toolchain) != 1 || !slices.Equal(toolchain, image) {
		t.Errorf("go.mod names the toolchain %q and the Dockerfile %q, want one and the same release", toolchain, image)
	}
}

// TestImageRunsWithoutRights checks what the image brings: no shell or package manager, and a user that is not root.
func TestImageRunsWithoutRights(t *testing.T) {
	stages := strings.Split(read(t, "Dockerfile"), "\nFROM ")
	final := stages[len(stages)-1]
	if base, _, _ := strings.Cut(final, "\n"); !strings.HasPrefix(base, "gcr.io/distroless/static") || !strings.HasSuffix(base, ":nonroot") {
		t.Errorf("the image is built on %q, want distroless/static, which has no shell, in its form for users other than root", base)
	}
	if got, want := find(`(?m)^USER (.+)$`, final), []string{"65532:65532"}; !slices.Equal(got, want) {
		t.Errorf("the image runs as %q, want %q", got, want)
	}
}
