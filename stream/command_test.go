package stream_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

func TestCommandInText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		command stream.Command
		want    string
	}{
		{stream.Command{"XDEL", "{event_stream}:dead:g", "1763700000000-0"}, "XDEL {event_stream}:dead:g 1763700000000-0"},
		{stream.Command{"SET", "", "a b"}, `SET "" "a b"`},
		{stream.Command{"ECHO", `$(id) "x" \ 'y'`}, `ECHO "$(id) \"x\" \\ 'y'"`},
		{stream.Command{"ECHO", "\x1b[31m\n李"}, `ECHO "\x1b[31m\x0a\xe6\x9d\x8e"`},
	}
	for _, test := range tests {
		if got := test.command.String(); got != test.want {
			t.Errorf("command %q:\n got %s\nwant %s", test.command, got, test.want)
		}
	}
}

// TestCommandIsReadByRedisCLI has redis-cli run the text and looks at what arrived.
func TestCommandIsReadByRedisCLI(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var every strings.Builder
	for b := range 256 {
		every.WriteByte(byte(b))
	}
	host, port, _ := strings.Cut(server.Addr(), ":")
	for _, value := range []string{every.String(), "", "'", `"`, `\x41`, "--", "#", "李"} {
		cli := exec.CommandContext(t.Context(), "redis-cli", "-h", host, "-p", port)
		cli.Stdin = strings.NewReader(stream.Command{"SET", "key", value}.String() + "\n")
		if printed, err := cli.CombinedOutput(); err != nil || strings.TrimSpace(string(printed)) != "OK" {
			t.Fatalf("set %q: %v, %s", value, err, printed)
		}
		if got, err := server.Client().Get(t.Context(), "key").Result(); err != nil || got != value {
			t.Errorf("value: got %q, %v, want %q", got, err, value)
		}
	}
}
