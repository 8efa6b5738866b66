package main_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/catalog"
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

// TestPHPImageHasItsHandlers holds the handlers file of the image for PHP against what the image holds: the programs beside
// it, in a working directory of their own, run by a user without rights.
func TestPHPImageHasItsHandlers(t *testing.T) {
	t.Parallel()
	const dir = "examples/php/"
	if _, err := catalog.Parse("handlers.yaml", []byte(read(t, dir+"handlers.yaml")), catalog.Defaults{}); err != nil {
		t.Error(err)
	}
	programs := find(`argv: \[php, ([^\]]+)\]`, read(t, dir+"handlers.yaml"))
	if len(programs) == 0 {
		t.Error("the handlers file runs no PHP")
	}
	for _, program := range programs {
		if _, err := os.Stat(dir + program); err != nil {
			t.Errorf("the handlers file runs %s: %v", program, err)
		}
	}
	image := read(t, dir+"Dockerfile")
	for _, line := range []string{"COPY *.php handlers.yaml ./", "USER 65532:65532", "COPY --from=millrace /millrace "} {
		if !strings.Contains(image, "\n"+line) {
			t.Errorf("the Dockerfile does not say %q", line)
		}
	}
}
