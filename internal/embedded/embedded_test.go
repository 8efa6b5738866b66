package embedded

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func startTest(t testing.TB, o Options) *Server {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	server, err := Start(o)
	if err != nil {
		t.Fatalf("Start(%+v) error = %v", o, err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close() error = %v", err)
		}
	})
	return server
}

func newTestClient(t *testing.T, server *Server) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestStartRefusesAddresses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]string{
		"0.0.0.0:6379":        "no password",
		":6379":               "no password",
		"[::]:6379":           "no password",
		"192.168.1.5:6379":    "no password",
		"redis:6379":          "no password",
		"127.0.0.1":           "expected a host and a port",
		"127.0.0.1:99999":     "MILLRACE_EMBEDDED_ADDR",
		taken.Addr().String(): "MILLRACE_REDIS_URL=redis://" + taken.Addr().String(),
	}
	for addr, want := range tests {
		server, err := Start(Options{Addr: addr})
		if err == nil {
			server.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start(Addr: %q) error = %v, want one that says %q", addr, err, want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true, "localhost": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "localhost.example.com": false,
	}
	for host, want := range tests {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}

var malformedFrames = []string{
	"*0\r\n", "*-1\r\n", "*1\r\n$-1\r\n", "*1\r\n$9223372036854775807\r\n", "*1\r\n$9999999\r\n", "*999999999\r\n",
	"*1\r\n:1\r\n", "PING\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n$4\r\nPINGxx", "*x\r\n", "\r\n", "\n", "*1\n$4\nPING\n",
	"*2\r\n$4\r\nECHO\r\n$8388608\r\n", "$4\r\nPING\r\n", strings.Repeat("x", 10_000), "*1\r\n$0\r\n\r\n",
}

func TestSurvivesMalformedFrames(t *testing.T) {
	t.Parallel()
	server := startTest(t, Options{})
	for _, frame := range malformedFrames {
		connection, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatalf("Dial after %q error = %v", frame, err)
		}
		_, _ = io.WriteString(connection, frame)
		_ = connection.(*net.TCPConn).CloseWrite()
		_ = connection.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(connection); isTimeout(err) {
			t.Errorf("the reply to %.40q does not end", frame)
		}
		connection.Close()
	}
}

func TestMalformedFrameIsAnsweredInItsPlace(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{}).Addr())
	_, _ = io.WriteString(client.connection, "*1\r\n$4\r\nPING\r\nPING\r\n")
	for _, want := range []string{"PONG", "-ERR Protocol error: expected '*'"} {
		if got, err := readReply(client.input); !strings.HasPrefix(got, want) || err != nil {
			t.Errorf("reply = %q, %v, want %q", got, err, want)
		}
	}
	if got, err := readReply(client.input); !errors.Is(err, io.EOF) {
		t.Errorf("after a malformed command: %q, %v, want the end of the connection", got, err)
	}
}

// killers are single commands that end a process which runs miniredis without a guard, or that answer twice.
var killers = [][]string{
	{"XTRIM", "s", "MINID", "~"},
	{"XTRIM", "s", "MAXLEN", "-1"},
	{"XADD", "s", "NOMKSTREAM", "MAXLEN", "~"},
	{"XADD", "s", "MAXLEN", "1", "~"},
	{"XCLAIM", "s", "g", "c", "0", "1-0", "IDLE"},
	{"XCLAIM", "s", "g", "c", "0", "1-1", "1-1"},
	{"XCLAIM", "s", "g", "c", "0", "1-1", "FORCE"},
	{"KEYS", "[z-a]"},
	{"KEYS", "\xff"},
	{"SCAN", "0", "MATCH", `\\E(`},
	{"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"},
	{"EVAL", "while true do end", "0"},
	{"CONFIG", "GET", "save"},
	{"SUBSCRIBE", "c"},
	{"SHUTDOWN"},
	{"COMMAND", "DOCS"},
	{"SELECT", "1"},
	{"CLIENT", "REPLY", "OFF"},
}

func TestRefusesWhatWouldEndTheProcess(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{}).Addr())
	client.exchange([][]string{
		{"XADD", "s", "1-1", "f", "v"},
		{"XGROUP", "CREATE", "s", "g", "0"},
		{"XREADGROUP", "GROUP", "g", "c2", "STREAMS", "s", ">"},
	})
	for _, words := range killers {
		if got := client.do(words...); !strings.HasPrefix(got, "-") {
			t.Errorf("%q = %q, want an error", words, got)
		}
		if got := client.do("PING"); got != "PONG" {
			t.Fatalf("PING after %q = %q, want PONG", words, got)
		}
	}
	want := "-ERR 'CONFIG' is not available on the embedded server, which is for trying out: " +
		"run a real Redis and set MILLRACE_REDIS_URL"
	if got := client.do("config", "GET", "save"); got != want {
		t.Errorf("CONFIG = %q, want %q", got, want)
	}
}

// TestDeletedConsumerLeavesNothingBehind plays the sequence after which an unguarded XACK finds an entry without a
// consumer and panics.
func TestDeletedConsumerLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{}).Addr())
	client.exchange([][]string{
		{"XADD", "s", "1-1", "f", "v"},
		{"XGROUP", "CREATE", "s", "g", "0"},
		{"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"},
		{"XDEL", "s", "1-1"},
		{"XCLAIM", "s", "g", "c2", "0", "1-1", "TIME", "8999999999999"},
	})
	steps := []struct {
		words []string
		want  string
	}{
		{[]string{"XGROUP", "DELCONSUMER", "s", "g", "c2"}, `-ERR consumer "c2" of group "g" has entries pending`},
		{[]string{"MULTI"}, "OK"},
		{[]string{"XGROUP", "DELCONSUMER", "s", "g", "c2"}, "QUEUED"},
		{[]string{"EXEC"}, `[-ERR consumer "c2"`},
		{[]string{"XACK", "s", "g", "1-1"}, "0"},
		{[]string{"XGROUP", "DELCONSUMER", "s", "g", "c2"}, "-"},
		{[]string{"XGROUP", "DELCONSUMER", "s", "g", "c"}, "0"},
		{[]string{"PING"}, "PONG"},
	}
	for _, step := range steps {
		if got := client.do(step.words...); !strings.HasPrefix(got, step.want) {
			t.Errorf("%q = %q, want %q", step.words, got, step.want)
		}
	}
}

func TestRefusalFailsTheTransaction(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{}).Addr())
	client.do("MULTI")
	client.do("SET", "k", "v")
	if got := client.do("CONFIG", "GET", "save"); !strings.HasPrefix(got, "-ERR 'CONFIG'") {
		t.Errorf("CONFIG in a MULTI = %q, want an error", got)
	}
	if got := client.do("EXEC"); !strings.HasPrefix(got, "-EXECABORT") {
		t.Errorf("EXEC after a refused command = %q, want EXECABORT", got)
	}
	if got := client.do("GET", "k"); got != "nil" {
		t.Errorf("GET k = %q, want nil", got)
	}
}

func TestRunsAllowedScriptsOnly(t *testing.T) {
	t.Parallel()
	const allowed = "return redis.call('HINCRBY', KEYS[1], 'f', ARGV[1])"
	const blocking = "return redis.call('XREAD', 'BLOCK', '0', 'STREAMS', 's', '0')"
	client := newRawClient(t, startTest(t, Options{Scripts: []string{allowed, blocking}}).Addr())
	steps := []struct {
		words []string
		want  string
	}{
		{[]string{"EVALSHA", scriptSHA1(allowed), "1", "h", "2"}, "-NOSCRIPT"},
		{[]string{"EVAL", allowed, "1", "h", "2"}, "2"},
		{[]string{"EVALSHA", scriptSHA1(allowed), "1", "h", "2"}, "4"},
		{[]string{"EVAL", allowed, "9", "h", "2"}, "-ERR Number of keys"},
		{[]string{"EVAL", allowed + " ", "1", "h", "2"}, "-ERR a Lua script that is not Millrace's own is not available"},
		{[]string{"SCRIPT", "LOAD", "return 1"}, "-ERR a Lua script that is not Millrace's own is not available"},
		{[]string{"SCRIPT", "LOAD", allowed}, scriptSHA1(allowed)},
		{[]string{"EVALSHA", scriptSHA1(throughScript), "0", "PING"}, "-NOSCRIPT"},
		{[]string{"XLEN", "s"}, "0"},
		{[]string{"EVALSHA", scriptSHA1(throughScript), "0", "PING"}, "-NOSCRIPT"},
		{[]string{"EVAL", blocking, "0"}, "-ERR"},
		{[]string{"PING"}, "PONG"},
	}
	for _, step := range steps {
		if got := client.do(step.words...); !strings.HasPrefix(got, step.want) {
			t.Errorf("%q = %q, want %q", step.words, got, step.want)
		}
	}
}

func TestCapsTheStream(t *testing.T) {
	t.Parallel()
	const add = "return redis.call('XADD', KEYS[1], '*', 'f', 'v')"
	client := newRawClient(t, startTest(t, Options{MaxEntries: 3, Stream: "s", Scripts: []string{add}}).Addr())
	for range 3 {
		client.do("XADD", "s", "*", "f", "v")
	}
	for _, words := range [][]string{
		{"XADD", "s", "*", "f", "v"}, {"XADD", "s", "MAXLEN", "9", "*", "f", "v"}, {"EVAL", add, "1", "s"},
	} {
		if got := client.do(words...); !strings.Contains(got, `the stream "s" holds 3 entries`) {
			t.Errorf("%q on a full stream = %q, want an error", words, got)
		}
	}
	for _, words := range [][]string{
		{"XADD", "other", "1-1", "f", "v"}, {"XADD", "s", "MAXLEN", "~", "2", "99999999999999-0", "f", "v"},
	} {
		if got := client.do(words...); strings.HasPrefix(got, "-") {
			t.Errorf("%q = %q, want an ID", words, got)
		}
	}
	if got := client.do("XLEN", "s"); got != "2" {
		t.Errorf("XLEN = %s, want 2", got)
	}
}

func TestCapsPendingEntries(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{MaxPending: 5, Stream: "s"}).Addr())
	for i := range 10 {
		client.do("XADD", "s", fmt.Sprintf("1-%d", i+1), "f", "v")
	}
	client.do("XGROUP", "CREATE", "s", "g", "0")
	steps := []struct {
		words []string
		want  string
	}{
		{[]string{"XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", ">"}, "[[s [[1-1 "},
		{[]string{"XPENDING", "s", "g"}, "[2 "},
		{[]string{"XREADGROUP", "GROUP", "g", "c", "BLOCK", "5", "STREAMS", "s", ">"}, "[[s [[1-3 "},
		{[]string{"XPENDING", "s", "g"}, "[5 1-1 1-5 "},
		{[]string{"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"}, `-ERR group "g" has 5 entries pending`},
		{[]string{"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0"}, "[[s [[1-1 "},
		{[]string{"XACK", "s", "g", "1-1"}, "1"},
		{[]string{"XREADGROUP", "GROUP", "g", "c", "COUNT", "100", "STREAMS", "s", ">"}, "[[s [[1-6 [f v]]]]]"},
		{[]string{"XREADGROUP", "GROUP", "none", "c", "STREAMS", "s", ">"}, "-NOGROUP"},
	}
	for _, step := range steps {
		if got := client.do(step.words...); !strings.HasPrefix(got, step.want) {
			t.Errorf("%q = %q, want %q", step.words, got, step.want)
		}
	}
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	client := newRawClient(t, startTest(t, Options{}).Addr())
	client.do("SET", "k", "v", "PX", "50")
	deadline := time.Now().Add(10 * time.Second)
	for client.do("EXISTS", "k") == "1" {
		if time.Now().After(deadline) {
			t.Fatal("SET PX 50: the key is still there after 10s")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestStalledClientIsCutOff has one client ask for far more than the kernel buffers and read nothing.
func TestStalledClientIsCutOff(t *testing.T) {
	t.Parallel()
	server := startTest(t, Options{})
	filler := newRawClient(t, server.Addr())
	for range 20 {
		filler.do("XADD", "s", "*", "f", strings.Repeat("x", 1<<20))
	}
	stalled := newRawClient(t, server.Addr())
	if _, err := stalled.connection.Write(encodeFrame("XRANGE", "s", "-", "+")); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * writePatience)
	for server.guard.server.ClientsLen() > 1 {
		if got := filler.do("PING"); got != "PONG" {
			t.Fatalf("PING beside a stalled client = %q", got)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the stalled client is still connected after %v", 10*writePatience)
		}
	}
}

func TestCloseEndsBlockedReads(t *testing.T) {
	t.Parallel()
	for range 20 {
		server, err := Start(Options{Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		client := newRawClient(t, server.Addr())
		for range 3 {
			reader := newRawClient(t, server.Addr())
			_, _ = reader.connection.Write(encodeFrame("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
		}
		client.do("PING")
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			server.Close()
			server.Close()
		}()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Fatal("Close() did not return within 10s")
		}
	}
}

func TestSeedStock(t *testing.T) {
	t.Parallel()
	client := newTestClient(t, startTest(t, Options{}))
	seeded, err := SeedStock(t.Context(), client, "stock", DemoStock())
	if !seeded || err != nil {
		t.Fatalf("SeedStock() = %v, %v, want true", seeded, err)
	}
	client.HSet(t.Context(), "stock", "1", 7)
	seeded, err = SeedStock(t.Context(), client, "stock", DemoStock())
	if seeded || err != nil {
		t.Errorf("second SeedStock() = %v, %v, want false", seeded, err)
	}
	got := client.HMGet(t.Context(), "stock", "1", "5", "6").Val()
	if want := "[7 100 <nil>]"; fmt.Sprint(got) != want {
		t.Errorf("HMGET stock 1 5 6 = %v, want %s", got, want)
	}
}
