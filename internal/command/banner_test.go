package command

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace/millrace/stream"
)

func TestPHPLineIsPasted(t *testing.T) {
	if _, err := exec.LookPath("php"); err != nil || exec.Command("php", "-r", "new Redis();").Run() != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal("php with the redis extension is missing: apt-get install php-cli php-redis")
		}
		t.Skip("php with the redis extension is missing: apt-get install php-cli php-redis")
	}
	onEach(t, func(b bench) {
		const event = `it's "$new" \n`
		host, port, _ := plainServer(b.config.RedisURL)
		line := "php -r " + shellWord(phpProgram(host, port, b.config.Stream, event))
		for _, shell := range []string{"bash", "sh"} {
			output, err := exec.CommandContext(b.Context(), shell, "-c", line).Output()
			if err != nil {
				b.Fatalf("%s: %v: %s\n%s", shell, err, output, line)
			}
			id, err := stream.ParseID(strings.TrimSuffix(string(output), "\n"))
			if err != nil {
				b.Fatalf("%s printed %q, want the ID of an entry and an end of the line", shell, output)
			}
			status, err := b.client.Event(b.Context(), id)
			if err != nil || status.Event != event {
				b.Errorf("%s: got %+v, %v, want the event %q", shell, status, err, event)
			}
			if data := status.Fields[len(status.Fields)-1].Value; data != sampleOrder {
				b.Errorf("%s: data: got %s, want %s", shell, data, sampleOrder)
			}
		}
	})
}

func TestSampleIsWanted(t *testing.T) {
	t.Parallel()
	tests := []struct{ subscribed, want string }{
		{"NEW_ORDER_RECEIVED", "NEW_ORDER_RECEIVED"},
		{"*", "NEW_ORDER_RECEIVED"},
		{"order.created", "order.created"},
		{"label.*", "label.test"},
	}
	for _, test := range tests {
		if got := sampleEvent(test.subscribed); got != test.want || !stream.MatchName(test.subscribed, got) {
			t.Errorf("sampleEvent(%q): got %q, want %q", test.subscribed, got, test.want)
		}
	}
}
