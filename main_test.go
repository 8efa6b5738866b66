package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
)

// screen is what a program prints, readable while it runs.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for the pattern to stand on the screen, and returns its first group.
func (s *screen) until(t *testing.T, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := expression.FindStringSubmatch(s.String()); found != nil {
			return found[len(found)-1]
		}
	}
	t.Fatalf("%q does not appear in\n%s", pattern, s.String())
	return ""
}

// running is a program that runs in this process.
type running struct {
	*testing.T
	stdout, stderr screen
	stop           context.CancelFunc
	code           chan int
}

// start runs the program with free ports, in a directory of its own.
func start(t *testing.T, environ ...string) *running {
	t.Helper()
	t.Chdir(t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	r := &running{T: t, stop: stop, code: make(chan int, 1)}
	environ = append(environ, "MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_EMBEDDED_ADDR=127.0.0.1:0")
	go func() { r.code <- run(ctx, []string{"millrace"}, environ, strings.NewReader(""), &r.stdout, &r.stderr) }()
	t.Cleanup(stop)
	return r
}

// ends stops the program and expects the exit code 0.
func (r *running) ends() {
	r.Helper()
	r.stop()
	select {
	case code := <-r.code:
		if code != 0 {
			r.Errorf("exit code %d, want 0\n%s%s", code, r.stdout.String(), r.stderr.String())
		}
	case <-time.After(20 * time.Second):
		r.Fatal("it does not end")
	}
}

func TestTryingOut(t *testing.T) {
	r := start(t)
	address := r.stdout.until(t, `at redis://(127\.0\.0\.1:\d+),`)
	client := redis.NewClient(&redis.Options{Addr: address, DisableIdentity: true})
	defer client.Close()
	order := `{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`
	add := func(data string) string {
		values := []string{"event", "NEW_ORDER_RECEIVED", "data", data}
		id, err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "event_stream", Values: values}).Result()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := add(order)
	for _, group := range []string{"check_inventory", "print_work_order", "print_label"} {
		r.stdout.until(t, group+` +acked +`+id+`  NEW_ORDER_RECEIVED  in \d`)
	}
	if stock := client.HGet(t.Context(), "stock", "1").Val(); stock != "98" {
		t.Errorf("stock: got %s, want 98", stock)
	}
	if files, _ := filepath.Glob("printed/*.pdf"); len(files) != 2 {
		t.Errorf("printed: got %q, want a work order and a label", files)
	}
	refused := add(strings.ReplaceAll(order, `"quantity":2`, `"quantity":1000`))
	r.stdout.until(t, `check_inventory +dead_lettered +`+refused+`  NEW_ORDER_RECEIVED  after 1 try \(permanent\): .*available 98`)
	r.stderr.until(t, `"msg":"gave up: the event is a dead letter now"`) // what a shared terminal leaves to the feed

	port := address[strings.LastIndex(address, ":")+1:]
	for _, line := range []string{
		"redis-cli -p " + port + " XADD event_stream '*' event NEW_ORDER_RECEIVED data '" + order + "'",
		`$r->connect("127.0.0.1", ` + port + `)`, "millrace event ID", "in memory only", "./printed",
	} {
		if !strings.Contains(r.stdout.String(), line) {
			t.Errorf("the banner lacks %q:\n%s", line, r.stdout.String())
		}
	}
	if !strings.Contains(r.stderr.String(), "MILLRACE_REDIS_URL is not set") {
		t.Errorf("no warning of the memory: %s", r.stderr.String())
	}
	if err := client.XGroupCreate(t.Context(), "event_stream", "foreign", "0").Err(); err != nil {
		t.Fatal(err)
	}
	commandsOnEmbedded(t, address, id)
	r.ends()
	if !strings.Contains(r.stdout.String(), "Stopping: ") {
		t.Errorf("it stops without a word:\n%s", r.stdout.String())
	}
}

// commandsOnEmbedded runs commands against the embedded server of another run, which lets through less than a Redis.
func commandsOnEmbedded(t *testing.T, address, id string) {
	t.Helper()
	commands := [][]string{
		{"groups"},
		{"pending", "print_label"},
		{"event", id},
		{"dead", "ls", "check_inventory"},
		{"trim"},
		{"trim", "--yes"},
		{"publish", "NEW_ORDER_RECEIVED", "{}", "--id", "7"},
		{"dead", "requeue", "check_inventory", "--all", "--yes"},
		{"dead", "requeue", "check_inventory", "--all", "--print-redis"},
		{"groups", "rm", "print_label"},
		{"groups", "rm", "foreign", "--yes"},
		{"dead", "rm", "check_inventory", "--all", "--yes"},
		{"check"},
	}
	for _, args := range commands {
		var stdout, stderr screen
		args = append([]string{"millrace"}, args...)
		code := run(t.Context(), args, []string{"MILLRACE_EMBEDDED_ADDR=" + address}, strings.NewReader(""), &stdout, &stderr)
		if code != 0 || stdout.String() == "" {
			t.Errorf("%q: exit code %d\n%s%s", args, code, stdout.String(), stderr.String())
		}
	}
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "hunter2hunter2")
	right, wrong := "redis://:hunter2hunter2@"+server.Addr(), "redis://:hunter2wrong@"+server.Addr()
	r := start(t, "MILLRACE_REDIS_URL="+right, "MILLRACE_LOG_LEVEL=debug")
	r.stderr.until(t, `"msg":"group is ready","group":"print_label"`)
	r.ends()
	printed := r.stdout.String() + r.stderr.String()

	r = start(t, "MILLRACE_REDIS_URL="+wrong, "MILLRACE_LOG_LEVEL=debug")
	r.stderr.until(t, `cannot work with Redis.*WRONGPASS`)
	r.ends()
	printed += r.stdout.String() + r.stderr.String()

	commands := [][]string{{"groups"}, {"event", "1-1"}, {"check"}, {"publish", "E"}, {"trim"}, {"dead", "ls", "print_label"}}
	for _, url := range []string{right, wrong, right + "/x", "redis://:hunter2@127.0.0.1:1"} {
		for _, args := range commands {
			var stdout, stderr screen
			run(t.Context(), append([]string{"millrace"}, args...), []string{"MILLRACE_REDIS_URL=" + url, "MILLRACE_LOG_LEVEL=debug"},
				strings.NewReader(""), &stdout, &stderr)
			printed += stdout.String() + stderr.String()
		}
	}
	if at := strings.Index(printed, "hunter2"); at >= 0 {
		t.Errorf("the password stands in %q", printed[max(0, at-200):min(len(printed), at+50)])
	}
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	tests := []struct {
		environ []string
		args    []string
		code    int
		fault   string
	}{
		{[]string{"MILLRACE_LEASE=30"}, nil, 2, "millrace: MILLRACE_LEASE: expected a duration"},
		{[]string{"MILLRACE_HANDLERS_FILE=none.yaml"}, nil, 2, `there is no handlers file "none.yaml"`},
		{[]string{"MILLRACE_HANDLERS=nobody"}, nil, 2, `no handler is called "nobody"`},
		{nil, []string{"run", "nobody"}, 2, `no handler is called "nobody"`},
		{[]string{"MILLRACE_EMBEDDED_ADDR=" + port}, nil, 1, "set MILLRACE_REDIS_URL=redis://" + port},
		{[]string{"MILLRACE_EMBEDDED_ADDR=127.0.0.1:0", "MILLRACE_HTTP_ADDR=" + port}, nil, 1, "set MILLRACE_HTTP_ADDR"},
		{[]string{"MILLRACE_LEASE=30"}, []string{"groups"}, 2, "millrace: MILLRACE_LEASE: expected a duration"},
		{[]string{"MILLRACE_LEASE=30"}, []string{"version"}, 0, ""},
	}
	t.Chdir(t.TempDir())
	for _, test := range tests {
		var stdout, stderr screen
		args := append([]string{"millrace"}, test.args...)
		code := run(t.Context(), args, test.environ, strings.NewReader(""), &stdout, &stderr)
		if code != test.code || !strings.Contains(stderr.String(), test.fault) {
			t.Errorf("%q %q: exit code %d, want %d and %q\n%s", test.environ, test.args, code, test.code, test.fault, stderr.String())
		}
	}
}
