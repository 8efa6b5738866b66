package command_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
	"github.com/millrace/millrace/stream"
)

// script is a handler that runs a shell script for each event, in a directory of its own.
func script(t testing.TB, lines string) (handler *command.Handler, directory string) {
	t.Helper()
	directory = t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "handle.sh"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return newHandler(t, command.Options{
		Argv: []string{"sh", "handle.sh", "$(touch injected)", "; touch injected"}, Dir: directory,
		Environment: []string{"PATH=" + os.Getenv("PATH"), "SHOP=north"},
	}), directory
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		script                 string
		result, verdict, fault string // no fault: success
	}{
		{script: "true"},
		{script: "exit 0"},
		{script: "echo ' booked as 4711 '", result: "booked as 4711"},
		{script: `echo working; echo '{"result":"booked"}'; echo bye`, result: "booked"},
		{script: `echo '{"result":{"number":4711}}'`, result: `{"number":4711}`},
		{script: `echo '{"ok":true}'`},
		{script: `echo '{"else":true}'`, result: `{"else":true}`},
		{script: `printf 'a\377\033'`, result: "a\ufffd\ufffd"},
		{script: "exit 65", verdict: "permanent", fault: "sh says that it cannot be done (exit status 65), and wrote nothing"},
		{
			script: "echo no such customer >&2; exit 65", verdict: "permanent",
			fault: "sh says that it cannot be done (exit status 65): no such customer",
		},
		{script: "exit 1", verdict: "retry", fault: "sh: exit status 1, and wrote nothing to its standard error"},
		{script: "echo a >&2; echo b >&2; exit 255", verdict: "retry", fault: "sh: exit status 255: a\nb"},
		{script: `echo '{"error":"it is closed"}'; exit 75`, verdict: "retry", fault: "sh: exit status 75: it is closed"},
		{script: `echo '{"retry_after":"30s"}'; exit 75`, verdict: "retry after 30s", fault: "sh: exit status 75"},
		{script: `echo '{"permanent":true}'; exit 75`, verdict: "retry", fault: "sh: exit status 75"},
		{script: "kill -9 $$", verdict: "retry", fault: "sh: signal: killed"},
		{script: "kill -TERM $$", verdict: "retry", fault: "sh: signal: terminated"},
		{script: "ulimit -t 1; while :; do :; done", verdict: "retry", fault: "sh: signal: killed"},
		{script: `printf '\033[31m\0\377\n' >&2; exit 2`, verdict: "retry", fault: "sh: exit status 2: \ufffd[31m\ufffd\ufffd"},
		{script: "exec <&-; echo 'read nothing'", result: "read nothing"},
	}
	for _, test := range tests {
		t.Run(test.script, func(t *testing.T) {
			t.Parallel()
			handler, directory := script(t, test.script)
			event := delivery(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`)
			err := handler.Handle(t.Context(), event)
			if got := string(event.Result); got != test.result {
				t.Errorf("result: got %q, want %q", got, test.result)
			}
			if got := message(err); (got == "") != (test.fault == "") || !strings.Contains(got, test.fault) {
				t.Errorf("error: got %q, want %q", got, test.fault)
			}
			if got := verdict(err); err != nil && got != test.verdict {
				t.Errorf("verdict: got %s, want %s", got, test.verdict)
			}
			if _, err := os.Stat(filepath.Join(directory, "injected")); err == nil {
				t.Error("an argument was run by a shell")
			}
		})
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	const around = `{"event":"ORDER_PAID","event_id":"o-1",DATA"entry_id":"1700000000000-1",` +
		`"timestamp":"2026-11-21T10:00:00.250Z","aggregate_id":"12345","headers":{"shop":"north"},"group":"erp","deliveries":2}`
	tests := []struct{ data, want string }{
		{`{"order_id":12345}`, `"data":{"order_id":12345},`},
		{"{\n  \"a\" : \"<b>\",\r\n \"c\": 12345678901234567890}\n", `"data":{"a":"<b>","c":12345678901234567890},`},
		{`"text"`, `"data":"text",`},
		{`null`, `"data":null,`},
		{"line\nbreak", `"data":"line\nbreak",`},
		{"", `"data":"",`},
		{"{\"a\":\"\u2028\u2029\"}", `"data":{"a":"\u2028\u2029"},`},
		{"\xff\x00", `"data_base64":"/wA=",`},
		{"{\"a\":\"\xff\"}", `"data_base64":"eyJhIjoi/yJ9",`},
	}
	handler, directory := script(t, "cat >document")
	for _, test := range tests {
		if err := handler.Handle(t.Context(), delivery(test.data)); err != nil {
			t.Fatalf("data %q: %v", test.data, err)
		}
		want := strings.Replace(around, "DATA", test.want, 1) + "\n"
		if got := content(t, filepath.Join(directory, "document")); got != want {
			t.Errorf("the document with the data %q: got\n%s\nwant\n%s", test.data, got, want)
		}
	}
}

func TestDocumentOfAPlainEvent(t *testing.T) {
	t.Parallel()
	handler, directory := script(t, "cat >document")
	event := &consumers.Delivery{Event: stream.Event{
		Name: "A", ID: "1-0", Data: []byte("{}"), ReplayOf: "2-0", TraceParent: "00-1",
	}, Group: "g", EntryID: stream.ID{Ms: 1}, Deliveries: 1}
	if err := handler.Handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal([]byte(content(t, filepath.Join(directory, "document"))), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"replay_of": "2-0", "traceparent": "00-1", "aggregate_id": "", "entry_id": "1-0"} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %q", name, got[name], want)
		}
	}
	if headers, isMap := got["headers"].(map[string]any); !isMap || len(headers) != 0 {
		t.Errorf("headers: got %v, want an empty object", got["headers"])
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	handler, directory := script(t, "env >variables")
	if err := handler.Handle(t.Context(), delivery("{}")); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(content(t, filepath.Join(directory, "variables"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[name] = value
	}
	for _, ofTheShell := range []string{"PWD", "OLDPWD", "SHLVL", "_"} {
		delete(got, ofTheShell)
	}
	want := map[string]string{
		"PATH": os.Getenv("PATH"), "SHOP": "north",
		"MILLRACE_EVENT": "ORDER_PAID", "MILLRACE_EVENT_ID": "o-1", "MILLRACE_DELIVERIES": "2",
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("the variable %s: got %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the environment: got %v, want no more than %v", got, want)
	}
}

func TestNamesThatNoEnvironmentHolds(t *testing.T) {
	t.Parallel()
	handler, _ := script(t, "true")
	for _, name := range []string{"a\x00b", strings.Repeat("x", 1<<17)} {
		event := delivery("{}")
		event.Name = name
		err := handler.Handle(t.Context(), event)
		if verdict(err) != "permanent" {
			t.Errorf("an event with the name %.10q: got %v, want a permanent error", name, err)
		}
		event = delivery("{}")
		event.ID = name
		if err := handler.Handle(t.Context(), event); verdict(err) != "permanent" {
			t.Errorf("an event with the ID %.10q: got %v, want a permanent error", name, err)
		}
	}
	event := delivery("{}")
	event.Name, event.ID = "=\n\xff\u202e", "-rf $(id) `id`"
	if err := handler.Handle(t.Context(), event); err != nil {
		t.Errorf("an odd name: got %v, want success", err)
	}
}

func TestFloodIsDropped(t *testing.T) {
	t.Parallel()
	handler, _ := script(t, "yes out | head -c 50000000; yes err | head -c 50000000 >&2; echo; echo the end; echo the end >&2; exit 1")
	event := delivery("{}")
	if err := handler.Handle(t.Context(), event); err == nil || !strings.HasSuffix(err.Error(), "err\nthe end") ||
		len(err.Error()) > stream.MaxErrorBytes || !strings.Contains(err.Error(), "...") {
		t.Errorf("a program that writes 50 MB: got the error %.200q, want its end", message(err))
	}
}

// tree starts a child and a grandchild that ignore SIGTERM and keep every pipe open, and notes their IDs.
const tree = `
trap '' TERM
sh -c 'sh -c "echo \$\$ >>pids; exec sleep 600" & echo $$ >>pids; sleep 600; sleep 600' &
echo $$ >>pids
`

func TestTimeoutEndsTheWholeTree(t *testing.T) {
	t.Parallel()
	handler, directory := script(t, tree+"sleep 600; sleep 600")
	pids := filepath.Join(directory, "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		defer cancel(consumers.ErrTimeout)
		untilLines(t, pids, 3)
	}()
	err := handler.Handle(ctx, delivery("{}"))
	if err == nil || !strings.Contains(err.Error(), "was ended before it was done") {
		t.Errorf("a program that was ended: got %v, want an error that says so", err)
	}
	for process := range strings.Lines(content(t, pids)) {
		wantGone(t, process)
	}
}

func TestWhatAProgramLeavesBehindIsEnded(t *testing.T) {
	t.Parallel()
	handler, directory := script(t, tree+"while [ $(wc -l <pids) -lt 3 ]; do :; done; echo done")
	event := delivery("{}")
	if err := handler.Handle(t.Context(), event); err != nil || string(event.Result) != "done" {
		t.Errorf("a program that leaves processes behind: got %q, %v, want its result", event.Result, err)
	}
	for process := range strings.Lines(content(t, filepath.Join(directory, "pids"))) {
		wantGone(t, process)
	}
}

func TestProcessOfAnotherSessionHoldsUpNobody(t *testing.T) {
	t.Parallel()
	requireTool(t, "setsid", "util-linux")
	handler, directory := script(t, "setsid sh -c 'echo $$ >>pids; exec sleep 600' & while [ ! -s pids ]; do :; done; echo done")
	event := delivery("{}")
	began := time.Now()
	if err := handler.Handle(t.Context(), event); err != nil || string(event.Result) != "done" {
		t.Errorf("a program that has started a service: got %q, %v, want its result", event.Result, err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("a program that has started a service took %v", took)
	}
	kill(t, content(t, filepath.Join(directory, "pids")))
}

func TestToldToEndIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"0", "65"} {
		handler, directory := script(t, "trap 'exit "+code+"' TERM; echo >started; while :; do sleep 0.01; done")
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			untilLines(t, filepath.Join(directory, "started"), 1)
		}()
		if err := handler.Handle(ctx, delivery("{}")); err == nil || verdict(err) != "retry" {
			t.Errorf("a program that ends with %s when it is told to end: got %v, want another try", code, err)
		}
	}
}

func TestProgramThatIsGone(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, test := range []struct{ file, content, fault string }{
		{"gone", "#!/bin/sh\n", "no such file"},
		{"odd", "#!" + directory + "/interpreter\n", "what its first line names to run it"},
	} {
		for _, mode := range []command.Mode{command.Once, command.Persistent} {
			path := filepath.Join(directory, test.file)
			if err := os.WriteFile(path, []byte(test.content), 0o700); err != nil {
				t.Fatal(err)
			}
			handler := newHandler(t, command.Options{Argv: []string{path}, Mode: mode})
			if test.file == "gone" {
				_ = os.Remove(path)
			}
			err := handler.Handle(t.Context(), delivery("{}"))
			if err == nil || verdict(err) != "retry" || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%s, %s: got %v, want another try, and %q", test.file, mode, err, test.fault)
			}
		}
	}
}
