package command

import (
	"bytes"
	"encoding/json"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// bench is a Redis with the groups labels and stock, and what to run commands with.
type bench struct {
	*testing.T
	config Config
	client *stream.Client
	redis  redis.UniversalClient
}

// onEach runs a test on every kind of server.
func onEach(t *testing.T, run func(bench)) {
	t.Helper()
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		t.Parallel()
		run(newBench(t, url))
	})
}

func newBench(t *testing.T, url string) bench {
	t.Helper()
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	config := Config{RedisURL: url, Stream: stream.DefaultName, Retention: 24 * time.Hour, MaxEventBytes: 1000}
	return bench{T: t, config: config, client: client, redis: client.Redis()}
}

// ended is how a command has ended.
type ended struct {
	code           int
	stdout, stderr string
}

func execute(t *testing.T, config Config, stdin string, args ...string) ended {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Execute(t.Context(), append([]string{"millrace"}, args...), Process{
		Config: config, Logger: zap.NewNop(), Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	})
	return ended{code, stdout.String(), stderr.String()}
}

func (b bench) execute(args ...string) ended {
	b.Helper()
	return execute(b.T, b.config, "", args...)
}

// want runs a command, expects it to be done, and compares what it printed, with times and spaces evened out.
func (b bench) want(want string, args ...string) {
	b.Helper()
	got := b.execute(args...)
	if got.code != exitDone || even(got.stdout) != even(want) {
		b.Errorf("%q: code %d, stderr %q\n got %s\nwant %s", args, got.code, got.stderr, even(got.stdout), even(want))
	}
}

// wantFault runs a command and expects a code and what standard error contains.
func (b bench) wantFault(code int, fault string, args ...string) {
	b.Helper()
	if got := b.execute(args...); got.code != code || !strings.Contains(got.stderr, fault) {
		b.Errorf("%q: code %d, stderr %q, want %d and %q", args, got.code, got.stderr, code, fault)
	}
}

// wantJSON runs a command with -o json and reads its answer into target.
func (b bench) wantJSON(target any, args ...string) {
	b.Helper()
	got := b.execute(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(got.stdout), target); err != nil || got.code != exitDone {
		b.Fatalf("%q: code %d, %v in %s%s", args, got.code, err, got.stdout, got.stderr)
	}
}

var (
	moment   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
	duration = regexp.MustCompile(`\b(\d+(\.\d+)?(µs|ms|s|m|h))+\b|\b[\d,]+ days?\b`)
	letterID = regexp.MustCompile(`\b17[89]\d{10}-\d+\b|\b1[89]\d{11}-\d+\b`)
	spaces   = regexp.MustCompile(` +`)
)

// even replaces what differs from run to run: times, and the IDs that the server chose by its clock.
func even(text string) string {
	text = moment.ReplaceAllString(text, "MOMENT")
	text = duration.ReplaceAllString(text, "DURATION")
	text = letterID.ReplaceAllString(text, "ID")
	return strings.TrimSpace(spaces.ReplaceAllString(text, " "))
}

// The IDs of entries that tests add.
const (
	first  = "1763700000000-0"
	second = "1763700000001-0"
	third  = "1763700000002-0"
)

func (b bench) add(id string, fields ...string) {
	b.Helper()
	if err := b.redis.XAdd(b.Context(), &redis.XAddArgs{Stream: b.config.Stream, ID: id, Values: fields}).Err(); err != nil {
		b.Fatal(err)
	}
}

// groups creates labels and stock, which both want E.
func (b bench) groups() {
	b.Helper()
	registration := stream.Registration{Kind: "label", Events: []string{"E", "order.*"}, LeaseMs: 30_000}
	other := stream.Registration{Kind: "inventory", Events: []string{"E"}, LeaseMs: 30_000}
	_, err := b.client.EnsureGroups(b.Context(), []stream.GroupSpec{
		{Name: "labels", Registration: registration}, {Name: "stock", Registration: other},
	})
	if err != nil {
		b.Fatal(err)
	}
}

// read hands new entries to a consumer of group.
func (b bench) read(group string, count int) *stream.Group {
	b.Helper()
	consumer, err := b.client.Group(group, "c-1", 30*time.Second)
	if err != nil {
		b.Fatal(err)
	}
	if deliveries, err := consumer.Read(b.Context(), count, 0); err != nil || len(deliveries) != count {
		b.Fatalf("read: got %v, %v, want %d", deliveries, err, count)
	}
	return consumer
}

func (b bench) giveUp(consumer *stream.Group, id, fault string) {
	b.Helper()
	entry, err := stream.ParseID(id)
	if err != nil {
		b.Fatal(err)
	}
	_, err = consumer.GiveUp(b.Context(), stream.GiveUp{ID: entry, Reason: stream.DeadPermanent, Error: fault, Event: "E", EventID: id})
	if err != nil {
		b.Fatal(err)
	}
}

func (b bench) ack(consumer *stream.Group, id string) {
	b.Helper()
	entry, _ := stream.ParseID(id)
	if _, err := consumer.Ack(b.Context(), []stream.ID{entry}); err != nil {
		b.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args  string
		code  int
		fault string
	}{
		{"evnt", exitUsage, "unknown command \"evnt\": did you mean `millrace event`?"},
		{"xyzzy", exitUsage, "unknown command \"xyzzy\": expected one of check, "},
		{"groups lss", exitUsage, "did you mean `millrace groups ls`?"},
		{"dead", exitUsage, "dead: expected ls, show, requeue or rm: see `millrace dead --help`"},
		{"dead sho", exitUsage, "did you mean `millrace dead show`?"},
		{"--nope", exitUsage, "millrace: unknown flag: --nope: see `millrace --help`"},
		{"groups -o xml", exitUsage, "expected table or json"},
		{"event", exitUsage, "event: expected the ID of one entry"},
		{"event 7x", exitUsage, `"7x" is no entry ID`},
		{"pending a --count 0", exitUsage, "--count: expected 1 to 100,000, got 0"},
		{"pending a --from b", exitUsage, "--from: \"b\" is no entry ID"},
		{"dead requeue a", exitUsage, "expected their IDs, or --all"},
		{"dead rm a 1-1 --all", exitUsage, "expected their IDs, or --all"},
		{"dead show a b", exitUsage, "is no entry ID"},
		{"trim --retention -1s", exitUsage, "--retention: expected zero or more, got -1s"},
		{"run no_such", exitUsage, `no handler is called "no_such"`},
		{"publish", exitUsage, "expected the event's name and its data"},
	}
	config := Config{RedisURL: "redis://127.0.0.1:1", Stream: "s"}
	for _, test := range tests {
		got := execute(t, config, "", strings.Fields(test.args)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.fault) || !strings.HasPrefix(got.stderr, "millrace: ") {
			t.Errorf("%q: code %d, stderr %q, want %d and %q", test.args, got.code, got.stderr, test.code, test.fault)
		}
		if got.stdout != "" {
			t.Errorf("%q: stdout %q, want nothing", test.args, got.stdout)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--help", "help dead requeue", "version", "version -o json", "run --help"} {
		if got := execute(t, Config{}, "", strings.Fields(args)...); got.code != exitDone || got.stdout == "" || got.stderr != "" {
			t.Errorf("%q: got %+v, want it done and something printed", args, got)
		}
	}
}

func TestNothingAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	listener.Close()
	got := execute(t, Config{EmbeddedAddr: free, Stream: "s"}, "", "groups")
	if want := "nothing answers at redis://" + free + ": `millrace run`"; got.code != exitFailed ||
		!strings.Contains(got.stderr, want) {
		t.Errorf("embedded address: got %+v, want %q", got, want)
	}
	got = execute(t, Config{RedisURL: "redis://:hunter2@" + free, Stream: "s"}, "", "event", "1-1")
	if want := "is Redis running, and MILLRACE_REDIS_URL right?"; got.code != exitFailed ||
		!strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "hunter2") {
		t.Errorf("URL: got %+v, want %q and no password", got, want)
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	got := execute(t, Config{RedisURL: "redis://" + listener.Addr().String(), Stream: "s"}, "", "groups")
	if took := time.Since(began); got.code != exitFailed || took > patience+3*time.Second {
		t.Errorf("a server that says nothing: got %+v after %v, want a failure within %v", got, took, patience)
	}
}
