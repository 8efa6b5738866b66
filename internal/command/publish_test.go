package command

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/stream"
)

func TestPublish(t *testing.T) {
	onEach(t, func(b bench) {
		const noHandler = "no handler has ever run on this stream"
		got := b.execute("publish", "E", `{"order_id":1}`, "--id", "o-1")
		if _, err := stream.ParseID(strings.TrimSpace(got.stdout)); err != nil || got.code != exitDone ||
			!strings.Contains(got.stderr, noHandler) {
			b.Errorf("publish: got %+v, want an ID and a warning", got)
		}
		b.groups()
		again := b.execute("publish", "E", `{"order_id":1}`, "--id", "o-1")
		if want := strings.TrimSpace(got.stdout) + " repeated\n"; again.stdout != want || again.stderr != "" {
			b.Errorf("again: got %+v, want %q", again, want)
		}
		b.wantFault(exitFailed, "an event of this name and ID was published with other content",
			"publish", "E", `{"order_id":2}`, "--id", "o-1")
		var published struct {
			ID       stream.ID
			Repeated bool
		}
		b.wantJSON(&published, "publish", "E", "{}", "--header", "shop=eu", "--aggregate", "7", "--to", "stock",
			"--timestamp", "1763700000")
		status, err := b.client.Event(b.Context(), published.ID)
		b.wantFault(exitFailed, "not on enough replicas", "publish", "E", "{}", "--wait", "1")
		if err != nil || status.To != "stock" || !status.Time.Equal(stream.ID{Ms: 1763700000000}.Time()) {
			b.Errorf("flags: got %+v, %v", status, err)
		}
	})
}

func TestPublishWarnsOfNamesThatNobodyWants(t *testing.T) {
	t.Parallel()
	registered := map[string]stream.Registration{"labels": {Events: []string{"order.*", "NEW_ORDER"}}}
	tests := []struct{ event, to, want string }{
		{"NEW_ORDER", "", ""},
		{"order.created", "", ""},
		{"NEW_ORDR", "", `no handler wants "NEW_ORDR" (did you mean "NEW_ORDER"?): nobody will handle the event`},
		{"other", "", `no handler wants "other": nobody will handle the event`},
		{"other", "labels", ""},
		{"NEW_ORDER", "label", `no group is called "label" (did you mean "labels"?): nobody will handle the event`},
	}
	for _, test := range tests {
		if got := unwanted(stream.Event{Name: test.event, To: test.to}, registered); got != test.want {
			t.Errorf("unwanted(%q to %q): got %q, want %q", test.event, test.to, got, test.want)
		}
	}
}

func TestPublishReadsStandardInput(t *testing.T) {
	onEach(t, func(b bench) {
		got := execute(b.T, b.config, "{\"a\": 1}\n", "publish", "E", "-")
		id, err := stream.ParseID(strings.TrimSpace(got.stdout))
		if err != nil {
			b.Fatalf("publish: got %+v", got)
		}
		status, err := b.client.Event(b.Context(), id)
		if err != nil || status.Fields[1] != (stream.Field{Name: "data", Value: `{"a": 1}`}) {
			b.Errorf("fields: got %v, %v", status.Fields, err)
		}
		got = execute(b.T, b.config, strings.Repeat("1", 1001), "publish", "E", "-")
		if got.code != exitUsage || !strings.Contains(got.stderr, "more than 1,000 bytes") {
			b.Errorf("too much: got %+v", got)
		}
	})
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args  []string
		fault string
	}{
		{[]string{"E", `{"password":hunter2}`}, "the data is no JSON: at byte 13: "},
		{[]string{"E", `{"a":1`}, "the data is no JSON: at byte 6: "},
		{[]string{"", "{}"}, "the event has no name"},
		{[]string{"E", "{}", "--to", "a b"}, "--to: group name \"a b\""},
		{[]string{"E", "{}", "--header", "x"}, `--header "x": expected name=value`},
		{[]string{"E", "{}", "--timestamp", "yesterday"}, `--timestamp "yesterday": expected a time`},
	}
	for _, test := range tests {
		got := execute(t, Config{RedisURL: "redis://127.0.0.1:1", Stream: "s"}, "", append([]string{"publish"}, test.args...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, test.fault) || strings.Contains(got.stderr, "hunter2") {
			t.Errorf("%q: got %+v, want %q", test.args, got, test.fault)
		}
	}
}

func TestPublishPrintsRedis(t *testing.T) {
	t.Parallel()
	config := Config{RedisURL: "redis://127.0.0.1:1", Stream: "s"} // nothing answers there
	got := execute(t, config, "", "publish", "E", "it's\n", "--raw", "--id", "o-1", "--print-redis")
	want := "# publish does this in one script that is safe to repeat; repeated, this adds a second entry\n" +
		`XADD s "*" event E data "it's\x0a" event_id o-1` + "\n"
	if got.code != exitDone || got.stdout != want {
		t.Errorf("got %+v, want %q", got, want)
	}
}
