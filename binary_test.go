package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
)

// These tests run the program itself, as an operator would, against a real redis-server.

// binary builds the program once for all tests; TestMain removes it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir(), "millrace")
	output, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, err
})

func binaryDir() string {
	return filepath.Join(os.TempDir(), "millrace-test-"+strconv.Itoa(os.Getpid()))
}

func TestMain(m *testing.M) {
	m.Run()
	_ = os.RemoveAll(binaryDir())
}

// shop is a directory to run in and a Redis to run against.
type shop struct {
	*testing.T
	redis  *redistest.Server
	dir    string
	binary string
	env    []string
}

func newShop(t *testing.T, redisArgs ...string) *shop {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{T: t, redis: redistest.Start(t, redisArgs...), dir: t.TempDir(), binary: path}
	s.env = []string{"MILLRACE_REDIS_URL=" + withPassword(s.redis.URL()), "MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_LOG_FORMAT=json"}
	for product := 1; product <= 5; product++ {
		s.redis.CLI("HSET", "stock", strconv.Itoa(product), "100000")
	}
	return s
}

func (s *shop) write(name, content string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) command(args ...string) *exec.Cmd {
	command := exec.Command(s.binary, args...)
	command.Dir = s.dir
	command.Env = append(os.Environ(), s.env...)
	return command
}

// millrace runs a command of the program and returns its output and exit code.
func (s *shop) millrace(args ...string) (output string, exit int) {
	s.Helper()
	text, err := s.command(args...).CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !asExit(err, &exited) {
		s.Fatal(err)
	}
	if exited != nil {
		exit = exited.ExitCode()
	}
	keepsPasswords(s.T, fmt.Sprintf("millrace %q", args), string(text))
	return string(text), exit
}

func asExit(err error, exited **exec.ExitError) bool {
	found, is := err.(*exec.ExitError) //nolint:errorlint // Cmd.Run returns it unwrapped
	*exited = found
	return is
}

// service is one running `millrace run`.
type service struct {
	*exec.Cmd
	http string
	done chan error
	mu   sync.Mutex
	log  bytes.Buffer
}

func (s *shop) run(env ...string) *service {
	s.Helper()
	command := s.command("run")
	command.Env = append(command.Env, env...)
	running := &service{Cmd: command, done: make(chan error, 1)}
	command.Stdout = running
	stderr, err := command.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		running.follow(stderr, address)
		running.done <- command.Wait()
	}()
	s.Cleanup(func() {
		_ = command.Process.Kill()
		keepsSecrets(s.T, "millrace run", running.logged())
		if s.Failed() {
			s.Logf("millrace run, process %d:\n%s", command.Process.Pid, running.logged())
		}
	})
	select {
	case running.http = <-address:
	case <-time.After(20 * time.Second):
		s.Fatalf("no HTTP address in the log after 20s:\n%s", running.logged())
	}
	return running
}

var httpAddress = regexp.MustCompile(`"http":"([^"]+)"`)

func (r *service) follow(stderr io.Reader, address chan<- string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		r.mu.Lock()
		r.log.WriteString(lines.Text() + "\n")
		r.mu.Unlock()
		if found := httpAddress.FindStringSubmatch(lines.Text()); found != nil {
			select {
			case address <- found[1]:
			default:
			}
		}
	}
}

// Write takes what is printed to standard output.
func (r *service) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *service) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// get returns the status and the body of a page of the service.
func (r *service) get(path string) (int, string) {
	response, err := http.Get("http://" + r.http + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func (r *service) terminate(s *shop) {
	s.Helper()
	_ = r.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-r.done:
		if err != nil {
			s.Fatalf("after SIGTERM: got %v, want exit 0", err)
		}
	case <-time.After(40 * time.Second):
		s.Fatal("after SIGTERM: still running after 40s")
	}
}

func (s *shop) until(what string, holds func() bool) {
	s.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			s.Fatalf("waited 30s until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func orderData(number int) string {
	return fmt.Sprintf(`{"order_id":%d,"customer_id":67890,"items":[{"product_id":1,"quantity":2}],"note":%q}`, number, plantedPayload)
}

func (s *shop) order(number int) (id string) {
	s.Helper()
	return strings.TrimSpace(s.redis.CLI("XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", orderData(number)))
}

// states tells what `millrace event` says of an entry, by group.
func (s *shop) states(id string) map[string]string {
	s.Helper()
	output, exit := s.millrace("event", id, "-o", "json")
	var status struct {
		Groups []struct {
			Group string `json:"group"`
			State string `json:"state"`
		} `json:"groups"`
	}
	if err := json.Unmarshal([]byte(output), &status); err != nil || exit != 0 {
		s.Fatalf("millrace event %s -o json: exit %d, %v\n%s", id, exit, err, output)
	}
	states := map[string]string{}
	for _, group := range status.Groups {
		states[group.Group] = group.State
	}
	return states
}

// drained tells whether all three groups have been handed everything and have nothing pending.
func (s *shop) drained() bool {
	s.Helper()
	done := 0
	for _, group := range []string{"check_inventory", "print_work_order", "print_label"} {
		info := strings.Split(s.redis.CLI("XINFO", "GROUPS", "event_stream"), "name\n"+group+"\n")
		last := strings.Fields(s.redis.CLI("XREVRANGE", "event_stream", "+", "-", "COUNT", "1"))
		if len(info) == 2 && strings.HasPrefix(s.redis.CLI("XPENDING", "event_stream", group), "0") &&
			strings.Contains(strings.Split(info[1], "name\n")[0], last[0]) {
			done++
		}
	}
	return done == 3
}

func (s *shop) files(pattern string) []string {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "printed", pattern))
	if err != nil {
		s.Fatal(err)
	}
	return found
}

func TestOneOrderThreeHandlers(t *testing.T) {
	s := newShop(t)
	service := s.run()
	s.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	id := s.order(12345)
	s.until("all three are done", func() bool {
		states := s.states(id)
		return states["check_inventory"] == "acked" && states["print_work_order"] == "acked" && states["print_label"] == "acked"
	})
	if stock := strings.TrimSpace(s.redis.CLI("HGET", "stock", "1")); stock != "99998" {
		t.Errorf("stock of product 1: got %s, want 99998", stock)
	}
	for _, pattern := range []string{"workorder-12345*.pdf", "label-12345*.pdf"} {
		files := s.files(pattern)
		if len(files) != 1 {
			t.Fatalf("%s: got %v, want one file", pattern, files)
		}
		content, err := os.ReadFile(files[0])
		if err != nil || !bytes.HasPrefix(content, []byte("%PDF")) || !bytes.HasSuffix(bytes.TrimSpace(content), []byte("%%EOF")) {
			t.Errorf("%s: %v, want a whole PDF", files[0], err)
		}
	}
	_, metrics := service.get("/metrics")
	if want := `millrace_deliveries_total{group="check_inventory",outcome="acked"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("metrics lack %s", want)
	}
	service.terminate(s)
}

func TestOneHandlerFailsAlone(t *testing.T) {
	s := newShop(t)
	s.write("handlers.yaml", `handlers:
  check_inventory: {events: [NEW_ORDER_RECEIVED], run: inventory, from: beginning}
  print_work_order: {events: [NEW_ORDER_RECEIVED], run: workorder}
  print_label:
    events: [NEW_ORDER_RECEIVED]
    run: label
    with: {dir: printer}
    max_deliveries: 3
    backoff: {min: 1s, max: 1s}
`)
	service := s.run()
	s.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	if err := os.RemoveAll(filepath.Join(s.dir, "printer")); err != nil {
		t.Fatal(err)
	}
	s.write("printer", "a file where the directory should be")
	id, added := s.order(1), time.Now()
	s.until("the others are done", func() bool {
		states := s.states(id)
		return states["check_inventory"] == "acked" && states["print_work_order"] == "acked"
	})
	if took := time.Since(added); took > 2*time.Second {
		t.Errorf("the others took %v beside the one that fails", took)
	}
	counts := map[string]bool{}
	s.until("the label is a dead letter", func() bool {
		if lines := strings.Split(strings.TrimSpace(s.redis.CLI("XPENDING", "event_stream", "print_label", "-", "+", "10")), "\n"); len(lines) == 4 {
			counts[lines[3]] = true
		}
		return strings.TrimSpace(s.redis.CLI("XLEN", "{event_stream}:dead:print_label")) == "1"
	})
	if !counts["1"] || !counts["2"] {
		t.Errorf("XPENDING showed the delivery counts %v, want 1 and 2 among them", counts)
	}
	if pending := s.redis.CLI("XPENDING", "event_stream", "print_label"); !strings.HasPrefix(pending, "0") {
		t.Errorf("XPENDING after the dead letter: got %q, want none", pending)
	}
	letter := s.redis.CLI("XRANGE", "{event_stream}:dead:print_label", "-", "+")
	for _, fact := range []string{
		"dead_id\n" + id, "dead_reason\nmax_deliveries", "dead_deliveries\n3", "dead_event_id\n" + id,
		"dead_consumer\n", "dead_at\n", "dead_error\n", "event\nNEW_ORDER_RECEIVED", "data\n" + orderData(1),
	} {
		if !strings.Contains(letter, fact) {
			t.Errorf("the dead letter lacks %q:\n%s", fact, letter)
		}
	}
	s.requeueAlone(service, id)
	service.terminate(s)
}

// requeueAlone mends the printer and has the label printed; the stock must not move again.
func (s *shop) requeueAlone(service *service, id string) {
	s.Helper()
	stock := s.redis.CLI("HGET", "stock", "1")
	if err := os.Remove(filepath.Join(s.dir, "printer")); err != nil {
		s.Fatal(err)
	}
	if output, exit := s.millrace("dead", "requeue", "print_label", "--all"); exit != 0 ||
		strings.TrimSpace(s.redis.CLI("XLEN", "{event_stream}:dead:print_label")) != "1" {
		s.Fatalf("requeue without --yes: exit %d, want a plan that changes nothing\n%s", exit, output)
	}
	if output, exit := s.millrace("dead", "requeue", "print_label", "--all", "--yes"); exit != 0 {
		s.Fatalf("requeue: exit %d\n%s", exit, output)
	}
	s.until("the label is printed", func() bool {
		labels, _ := filepath.Glob(filepath.Join(s.dir, "printer", "label-1*.pdf"))
		return len(labels) == 1
	})
	s.until("nothing is pending", func() bool {
		return strings.HasPrefix(s.redis.CLI("XPENDING", "event_stream", "print_label"), "0")
	})
	_, metrics := service.get("/metrics")
	if want := `millrace_deliveries_total{group="check_inventory",outcome="acked"} 1`; !strings.Contains(metrics, want) {
		s.Errorf("after the requeue metrics lack %s: another group ran too", want)
	}
	if now := s.redis.CLI("HGET", "stock", "1"); now != stock {
		s.Errorf("stock after the requeue of %s: got %s, want %s", id, now, stock)
	}
}

func TestKillNineLosesNothing(t *testing.T) {
	s := newShop(t)
	const orders, kills = 300, 6
	env := []string{"MILLRACE_LEASE=2s"}
	pair := []*service{s.run(env...), s.run(env...)}
	for n := range orders {
		s.order(n + 1)
		if n%(orders/kills) == orders/kills/2 {
			victim := n / (orders / kills) % 2
			_ = pair[victim].Process.Kill()
			<-pair[victim].done
			pair[victim] = s.run(env...)
		}
	}
	s.until("everything is done", s.drained)
	if stock := strings.TrimSpace(s.redis.CLI("HGET", "stock", "1")); stock != strconv.Itoa(100000-2*orders) {
		t.Errorf("stock of product 1: got %s, want %d: each order reserved once", stock, 100000-2*orders)
	}
	if labels, papers := len(s.files("label-*.pdf")), len(s.files("workorder-*.pdf")); labels != orders || papers != orders {
		t.Errorf("printed %d labels and %d work orders, want %d of each", labels, papers, orders)
	}
	for _, group := range []string{"check_inventory", "print_work_order", "print_label"} {
		if dead := strings.TrimSpace(s.redis.CLI("XLEN", "{event_stream}:dead:"+group)); dead != "0" {
			t.Errorf("dead letters of %s: got %s, want 0", group, dead)
		}
	}
}

func TestRedisGoesAndComesBack(t *testing.T) {
	s := newShop(t, "--appendonly", "yes", "--appendfsync", "always")
	service := s.run()
	ready := func() int { status, _ := service.get("/readyz"); return status }
	s.until("it is ready", func() bool { return ready() == 200 })
	before := s.order(1)
	s.redis.Kill()
	s.until("readiness tells", func() bool { return ready() == 503 })
	if status, body := service.get("/livez"); status != 200 {
		t.Errorf("/livez while Redis is down: got %d %s, want 200", status, body)
	}
	s.redis.Restart()
	s.until("it is ready again", func() bool { return ready() == 200 })
	after := s.order(2)
	for _, id := range []string{before, after} {
		s.until("all of "+id+" is done", func() bool {
			states := s.states(id)
			return states["check_inventory"] == "acked" && states["print_work_order"] == "acked" && states["print_label"] == "acked"
		})
	}
	s.redis.CLI("FLUSHALL")
	s.redis.CLI("HSET", "stock", "1", "100")
	id := s.order(3)
	s.until("reading goes on after FLUSHALL", func() bool { return s.states(id)["check_inventory"] == "acked" })
	if lines := strings.Count(service.logged(), `"level":"error"`) + strings.Count(service.logged(), `"level":"warn"`); lines > 10 {
		t.Errorf("%d lines of warnings and errors, want at most 10:\n%s", lines, service.logged())
	}
	service.terminate(s)
}

func TestStartsWithoutRedis(t *testing.T) {
	s := newShop(t)
	s.redis.Kill()
	service := s.run()
	if status, body := service.get("/readyz"); status != 503 {
		t.Errorf("/readyz: got %d %s, want 503", status, body)
	}
	s.until("the log says what is wrong", func() bool { return strings.Contains(service.logged(), "connection refused") })
	s.redis.Restart()
	s.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	service.terminate(s)
}

func TestPHPIsAProducer(t *testing.T) {
	if _, err := exec.LookPath("php"); err != nil || exec.Command("php", "-r", "new Redis();").Run() != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal("php with the redis extension is missing: apt-get install php-cli php-redis")
		}
		t.Skip("php with the redis extension is missing: apt-get install php-cli php-redis")
	}
	s := newShop(t)
	service := s.run()
	s.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	add := func(data string) string {
		host, port, _ := strings.Cut(s.redis.Addr(), ":")
		output, err := exec.Command("php", "-r", `$r = new Redis(); $r->connect("`+host+`", `+port+`);
			$order = ["order_id" => 12345, "customer_id" => 67890, "items" => [["product_id" => 1, "quantity" => 2]],
				"shipping_address" => ["name" => "王小明", "city" => "北京"]];
			echo $r->xAdd("event_stream", "*", ["event" => "NEW_ORDER_RECEIVED", "data" => `+data+`]);`).CombinedOutput()
		if err != nil {
			t.Fatalf("php: %v\n%s", err, output)
		}
		return strings.TrimSpace(string(output))
	}
	good, destroyed := add("json_encode($order)"), add("$order")
	s.until("all three are done", func() bool {
		states := s.states(good)
		return states["check_inventory"] == "acked" && states["print_work_order"] == "acked" && states["print_label"] == "acked"
	})
	s.until("the nested array is a dead letter", func() bool { return s.states(destroyed)["print_label"] == "dead" })
	if letter := s.redis.CLI("XRANGE", "{event_stream}:dead:print_label", "-", "+"); !strings.Contains(letter, "json_encode") {
		t.Errorf("the dead letter does not say what to do in PHP:\n%s", letter)
	}
	service.terminate(s)
}

func TestWrongConfigurationIsRefusedWhole(t *testing.T) {
	s := newShop(t)
	s.env = append(s.env, "MILLRACE_LEASE=soon", "MILLRACE_CONCURRENCY=0")
	output, exit := s.millrace("run")
	if exit != 2 || !strings.Contains(output, "MILLRACE_LEASE") || !strings.Contains(output, "MILLRACE_CONCURRENCY") {
		t.Errorf("two faults: exit %d, want 2 and both variables named\n%s", exit, output)
	}
	s.env = append(s.env, "MILLRACE_LEASE=30s", "MILLRACE_CONCURRENCY=4", "MILLRACE_HANDLERS=print_lable")
	output, exit = s.millrace("run")
	if exit != 2 || !strings.Contains(output, "check_inventory") || !strings.Contains(output, "print_label") {
		t.Errorf("unknown handler: exit %d, want 2 and the known ones named\n%s", exit, output)
	}
}
