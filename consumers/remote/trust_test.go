package remote_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/remote"
)

func TestTrusting(t *testing.T) {
	t.Parallel()
	if config, err := remote.Trusting(nil); err != nil || config.RootCAs != nil {
		t.Errorf("Trusting(nil): got %v and %v, want the system's authorities", config, err)
	}
	for _, text := range []string{"", "hidden", "-----BEGIN PRIVATE KEY-----\naGlkZGVu\n-----END PRIVATE KEY-----\n"} {
		_, err := remote.Trusting([]byte(text))
		if err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "aGlk") {
			t.Errorf("Trusting(%q): got %v, want an error that repeats nothing", text, err)
		}
	}
}
