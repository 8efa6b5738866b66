package main_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// These tests run the program as the Redis users of docs/operations.md, which are read from there.

// aclUser is a user as the documentation has it: its own rules, and those of each of its selectors (ACL page).
type aclUser struct {
	name  string
	rules [][]string
}

const aclPassword = "a-long-random-password"

func documentedUsers(t *testing.T) map[string]aclUser {
	t.Helper()
	users := map[string]aclUser{}
	line := regexp.MustCompile(`(?m)^ACL SETUSER (\S+) reset on >PASSWORD (.+)$`)
	for _, match := range line.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		users[match[1]] = newACLUser(match[1], match[2])
	}
	return users
}

func newACLUser(name, rules string) aclUser {
	user := aclUser{name: name}
	for part := range strings.SplitSeq(rules, "(") {
		user.rules = append(user.rules, strings.Fields(strings.ReplaceAll(part, ")", "")))
	}
	return user
}

// words are the rules as ACL SETUSER takes them.
func (u aclUser) words() []string {
	words := slices.Clone(u.rules[0])
	for _, selector := range u.rules[1:] {
		words = append(words, "("+strings.Join(selector, " ")+")")
	}
	return words
}

// without are the words without one rule.
func (u aclUser) without(part, rule int) []string {
	less := aclUser{rules: slices.Clone(u.rules)}
	less.rules[part] = slices.Delete(slices.Clone(u.rules[part]), rule, rule+1)
	return less.words()
}

// guarded is a shop whose Redis has the documented users.
type guarded struct {
	*shop
	users map[string]aclUser
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	g := guarded{newShop(t), documentedUsers(t)}
	for _, user := range g.users {
		g.set(user.name, user.words())
	}
	return g
}

func (g guarded) set(name string, rules []string) {
	g.Helper()
	words := append([]string{"ACL", "SETUSER", name, "reset", "on", ">" + aclPassword}, rules...)
	if got := strings.TrimSpace(g.redis.CLI(words...)); got != "OK" {
		g.Fatalf("%q: %s", words, got)
	}
}

func (g guarded) url(user string) string {
	return fmt.Sprintf("redis://%s:%s@%s", user, aclPassword, g.redis.Addr())
}

// as makes the program run as user from now on.
func (g guarded) as(user string) {
	g.env = append(g.env, "MILLRACE_REDIS_URL="+g.url(user))
}

// client is one of the Go package's, as user.
func (g guarded) client(user string) *stream.Client {
	g.Helper()
	client, err := stream.Open(stream.Options{URL: g.url(user)})
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = client.Close() })
	return client
}

// recording is what a server is asked, scripts' own commands included (MONITOR command page).
type recording struct {
	connection net.Conn
	done       chan struct{}
	mu         sync.Mutex
	commands   [][]string
}

func (g guarded) record() *recording {
	g.Helper()
	connection, err := net.Dial("tcp", g.redis.Addr())
	if err != nil {
		g.Fatal(err)
	}
	lines := bufio.NewReader(connection)
	fmt.Fprint(connection, "MONITOR\r\n")
	if reply, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(reply, "+OK") {
		g.Fatalf("MONITOR: %q, %v", reply, err)
	}
	r := &recording{connection: connection, done: make(chan struct{})}
	go r.follow(lines)
	g.Cleanup(func() { _ = connection.Close() })
	return r
}

func (r *recording) follow(lines *bufio.Reader) {
	defer close(r.done)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, rest, _ := strings.Cut(line, "] ")
		var words []string
		for {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break
			}
			word, _ := strconv.Unquote(quoted)
			words, rest = append(words, word), strings.TrimPrefix(rest[len(quoted):], " ")
		}
		r.mu.Lock()
		r.commands = append(r.commands, words)
		r.mu.Unlock()
	}
}

// ran are the commands so far.
func (r *recording) ran() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.commands)
}

// stop returns all that was recorded up to now.
func (r *recording) stop(g guarded) [][]string {
	g.Helper()
	const end = "the recording ends"
	g.redis.CLI("ECHO", end)
	g.until("everything is recorded", func() bool {
		ran := r.ran()
		return len(ran) > 0 && ran[len(ran)-1][len(ran[len(ran)-1])-1] == end
	})
	_ = r.connection.Close()
	<-r.done
	ran := r.ran()
	return ran[:len(ran)-1]
}

// command is a command's name as rules have it.
func command(words []string) string {
	name := strings.ToLower(words[0])
	if name == "xinfo" || name == "xgroup" {
		name += "|" + strings.ToLower(words[1])
	}
	return name
}

// kinds are commands of which no two differ in numbers alone.
func kinds(commands [][]string) [][]string {
	var all [][]string
	seen := map[string]bool{}
	for _, words := range commands {
		if kind := numbers.ReplaceAllString(strings.Join(words, " "), "0"); !seen[kind] {
			seen[kind] = true
			all = append(all, words)
		}
	}
	return all
}

var numbers = regexp.MustCompile(`\d+`)

// wantLeast checks that nothing was refused, and that each rule of user, taken away alone, would have had something
// refused of what ran.
func (g guarded) wantLeast(user aclUser, ran [][]string) {
	g.Helper()
	g.wantLeastBeside(nil, user, ran)
}

// wantLeastBeside does so for the rules that user has beside others.
func (g guarded) wantLeastBeside(others []string, user aclUser, ran [][]string) {
	g.Helper()
	if refused := strings.TrimSpace(g.redis.CLI("ACL", "LOG")); refused != "" {
		g.Errorf("as %s, ACL LOG has\n%s\nwant nothing", user.name, refused)
	}
	admin := g.redis.Client()
	ran = kinds(ran)
	for _, words := range ran {
		if g.refuses(admin, user.name, words) {
			g.Errorf("%s may not run %q", user.name, words)
		}
	}
	rules := 0
	for part := range user.rules {
		for at, rule := range user.rules[part] {
			rules++
			g.set("without", slices.Concat(others, user.without(part, at)))
			if !slices.ContainsFunc(ran, func(words []string) bool { return g.refuses(admin, "without", words) }) {
				g.Errorf("%s: nothing that ran needs %s, part %d", user.name, rule, part)
			}
		}
	}
	g.Logf("%s: %d rules, %d kinds of commands", user.name, rules, len(ran))
}

// refuses asks whether a user may not run a command (ACL DRYRUN command page).
func (g guarded) refuses(admin *redis.Client, user string, words []string) bool {
	g.Helper()
	dry := []any{"ACL", "DRYRUN", user}
	for _, word := range words {
		dry = append(dry, word)
	}
	reply, err := admin.Do(g.Context(), dry...).Text()
	if err != nil {
		g.Fatalf("ACL DRYRUN %s %q: %v", user, words, err)
	}
	return reply != "OK"
}

// wantRefused runs commands that are none of user's business.
func (g guarded) wantRefused(user string, commands ...string) {
	g.Helper()
	commands = append(commands, "FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "CONFIG GET *", "ACL LIST", "SCRIPT FLUSH", "SHUTDOWN",
		"CLIENT KILL TYPE normal", "MONITOR", "XADD other_stream * a b", "XADD {event_stream} * a b", "SET secret x", "GET secret",
		"DEL event_stream2", "XRANGE other_stream - +", "EVAL return(redis.call('GET','secret')) 0",
		"EVAL return(redis.call('FLUSHALL')) 0", "EVAL return(1) 1 secret", "DEL event_stream", "SET event_stream x", "PEXPIRE event_stream 1", "RENAME event_stream x",
		"UNLINK event_stream", "XDEL event_stream 1-1", "XGROUP SETID event_stream slow 0", "XADD {other_stream}:dead:x * a b")
	client := redis.NewClient(&redis.Options{
		Addr: g.redis.Addr(), Username: user, Password: aclPassword, Protocol: 2, DisableIdentity: true,
	})
	defer client.Close()
	for _, line := range commands {
		var words []any
		for word := range strings.FieldsSeq(line) {
			words = append(words, word)
		}
		err := client.Do(g.Context(), words...).Err()
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "user executing the script") &&
			!strings.Contains(err.Error(), "ACL failure in script") {
			g.Errorf("%s: %s: got %v, want it refused", user, line, err)
		}
	}
}

func (g guarded) done(args ...string) {
	g.Helper()
	if output, exit := g.millrace(args...); exit != 0 {
		g.Errorf("millrace %s: exit %d\n%s", strings.Join(args, " "), exit, output)
	}
}

// failing are handlers of which one does its work, and one fails once its directory is spoilt.
const failing = `handlers:
  check_inventory: {events: [NEW_ORDER_RECEIVED], run: inventory, from: beginning, dedupe: 1h, keep_results: true}
  failing:
    events: [FAILING]
    run: label
    with: {dir: printer}
    from: beginning
    dedupe: 1h
    max_deliveries: 2
    backoff: {min: 1s, max: 1s}
`

// runFailing runs the service with a directory that cannot be printed to.
func (g guarded) runFailing(env ...string) *service {
	g.Helper()
	g.write("handlers.yaml", failing)
	_ = os.RemoveAll(filepath.Join(g.dir, "printer"))
	service := g.run(env...)
	g.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	g.spoil()
	return service
}

// spoil puts a file where the directory of the printer is.
func (g guarded) spoil() {
	g.Helper()
	if err := os.RemoveAll(filepath.Join(g.dir, "printer")); err != nil {
		g.Fatal(err)
	}
	g.write("printer", "a file where the directory should be")
}

// addFailing adds events that fail, with so many fields beside the data.
func (g guarded) addFailing(fields ...int) {
	g.Helper()
	for number, count := range fields {
		words := []string{"XADD", "event_stream", "*", "event", "FAILING", "data", orderData(number + 1)}
		for field := range count {
			words = append(words, "field"+strconv.Itoa(field), "x")
		}
		g.redis.CLI(words...)
	}
}

// counted waits until the service has counted so many ends of deliveries.
func (g guarded) counted(service *service, group, outcome string, count int) {
	g.Helper()
	want := fmt.Sprintf("millrace_deliveries_total{group=%q,outcome=%q} %d\n", group, outcome, count)
	g.until("metrics have "+want, func() bool {
		_, metrics := service.get("/metrics")
		return strings.Contains(metrics, want)
	})
}

func TestServiceWithLeastRights(t *testing.T) {
	g := newGuarded(t)
	user := g.users["millrace"]
	g.as(user.name)
	recording := g.record()
	saw := func(name, group string) func() bool {
		return func() bool {
			return slices.ContainsFunc(recording.ran(), func(words []string) bool { return command(words) == name && words[2] == group })
		}
	}
	killed := g.runFailing("MILLRACE_LEASE=2s")
	g.order(1)
	g.addFailing(0)
	g.counted(killed, "check_inventory", "acked", 1)
	g.counted(killed, "failing", "retried", 1)
	_ = killed.Process.Signal(syscall.SIGKILL)
	<-killed.done

	g.order(2)
	client := g.client(user.name)
	dead, err := client.Group("check_inventory", "dead", 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := dead.Read(t.Context(), 1, 0); err != nil || len(held) != 1 {
		t.Fatalf("read for a consumer that does nothing: %v, %v", held, err)
	}
	service := g.runFailing("MILLRACE_LEASE=2s")
	g.counted(service, "check_inventory", "acked", 1)
	g.counted(service, "failing", "dead_lettered", 1)
	g.until("the names of the dead are removed", saw("xgroup|delconsumer", "event_stream"))

	g.runSlow(client, saw("xclaim", "slow"))
	g.leaveSuspect(client)
	if _, err := client.Trim(t.Context(), time.Millisecond, false); err != nil { // the service's own comes once a minute
		t.Error(err)
	}
	service.terminate(g.shop)
	g.wantLeast(user, recording.stop(g))
	g.wantRefused(user.name, "XGROUP DESTROY event_stream slow", "XDEL {event_stream}:dead:slow 1-1", "DEL {event_stream}:groups",
		"DEL {event_stream}:published:E:1", "GET {event_stream}:published:E:1")
}

func TestNotifyAndTrackingWithLeastRights(t *testing.T) {
	g := newGuarded(t)
	user := g.users["millrace"]
	lines := find(`(?m)^ +ACL SETUSER millrace (.+)$`, read(t, "docs/operations.md"))
	if len(lines) != 2 {
		t.Fatalf("docs/operations.md adds %d lines to the user millrace, want one for notify and one for tracking", len(lines))
	}
	others := map[string][]string{
		"notify":   slices.Concat(user.words(), newACLUser(user.name, lines[1]).words()),
		"tracking": slices.Concat(user.words(), newACLUser(user.name, lines[0]).words()),
	}
	g.set(user.name, slices.Concat(others["tracking"], newACLUser(user.name, lines[1]).words()))
	g.write("handlers.yaml", `handlers:
  mail:
    events: [ORDER_PACKED]
    run: notify
    with: {smtp: "smtp://127.0.0.1:1", from: shop@example.com, to: "{{.Data.email}}"}
  track: {events: [ORDER_PACKED, ORDER_SHIPPED], run: tracking}
`)
	g.as(user.name)
	recording := g.record()
	service := g.run()
	g.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	g.redis.CLI("SET", "{mail}:sent:mail:ORDER_PACKED:held", "sending by another", "PX", "60000")
	g.redis.CLI("XADD", "event_stream", "*", "event", "ORDER_SHIPPED", "data", `{"order_id":1}`)
	g.counted(service, "track", "acked", 1)
	for _, id := range []string{"held", "free"} {
		g.redis.CLI("XADD", "event_stream", "*", "event", "ORDER_PACKED", "event_id", id, "data",
			`{"order_id":1,"email":"kim@example.com","carrier":"DHL"}`)
	}
	g.counted(service, "track", "acked", 3)
	g.until("no server takes the mail, and one is waited for", func() bool {
		log := service.logged()
		return strings.Contains(log, "mail through 127.0.0.1:1") && strings.Contains(log, "another delivery of this event was being mailed")
	})
	service.terminate(g.shop)
	ran := recording.stop(g)
	g.wantLeastBeside(others["notify"], newACLUser("millrace", lines[0]), ran)
	g.wantLeastBeside(others["tracking"], newACLUser("millrace", lines[1]), ran)
}

// leaveSuspect sweeps the group `slow` while something is in hand, and finds an entry that must be started alone.
func (g guarded) leaveSuspect(client *stream.Client) {
	g.Helper()
	g.redis.CLI("XADD", "event_stream", "*", "event", "SLOW")
	g.redis.CLI("XREADGROUP", "GROUP", "slow", "ghost", "STREAMS", "event_stream", ">")
	g.redis.CLI("XAUTOCLAIM", "event_stream", "slow", "ghost", "0", "0")
	busy, err := client.Group("slow", "busy", time.Second)
	if err != nil {
		g.Fatal(err)
	}
	g.until("a suspect is left", func() bool {
		swept, err := busy.Sweep(g.Context(), stream.SweepRequest{Room: 1, MaxDeliveries: 16, Rob: true, Guard: time.Minute})
		return err == nil && swept.Suspects == 1
	})
}

// runSlow runs a handler of another program, which returns when its lease was seen to be renewed.
func (g guarded) runSlow(client *stream.Client, renewed func() bool) {
	g.Helper()
	ctx, stop := context.WithCancel(g.Context())
	set, err := consumers.NewSet(client, consumers.Options{Lease: 2 * time.Second}, consumers.GroupOptions{
		Name: "slow", Events: []string{"SLOW"}, Emit: stream.Emit{Acked: "SLOWLY_DONE"}, KeepResults: true,
		Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
			defer stop()
			delivery.Result = []byte("done slowly")
			g.until("the lease is renewed", renewed)
			return nil
		}),
	})
	if err != nil {
		g.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	g.until("the group is there", func() bool { return strings.Contains(g.redis.CLI("XINFO", "GROUPS", "event_stream"), "slow") })
	g.redis.CLI("XADD", "event_stream", "*", "event", "SLOW")
	if err := <-ended; err != nil {
		g.Error(err)
	}
}

func TestProducerWithLeastRights(t *testing.T) {
	g := newGuarded(t)
	user := g.users["shop"]
	recording := g.record()
	shop := g.client(user.name)
	event := stream.PublishCommand(shop.Keys(), stream.Event{Name: "E"})
	words := []any{}
	for _, word := range event {
		words = append(words, word)
	}
	if err := shop.Redis().Do(t.Context(), words...).Err(); err != nil {
		t.Error(err)
	}
	g.wantLeast(user, recording.stop(g))
	g.wantRefused(user.name, "XRANGE event_stream - +", "XLEN event_stream", "XREADGROUP GROUP a b STREAMS event_stream >",
		"XADD {event_stream}:dead:slow * a b")
}

func TestPublisherWithLeastRights(t *testing.T) {
	g := newGuarded(t)
	user := g.users["publisher"]
	g.as(user.name)
	recording := g.record()
	for range 2 {
		g.done("publish", "E", `{"a":1}`, "--id", "e-1")
	}
	for range 2 {
		if _, err := g.client(user.name).PublishBatch(t.Context(), []stream.Event{{Name: "E", ID: "e-2"}}, stream.PublishOptions{}); err != nil {
			t.Error(err)
		}
	}
	g.wantLeast(user, recording.stop(g))
	if length := g.redis.CLI("XLEN", "event_stream"); length != "2" {
		t.Errorf("the stream holds %s entries, want 2", length)
	}
	g.wantRefused(user.name, "XRANGE event_stream - +", "HSET {event_stream}:groups a b",
		"XADD {event_stream}:dead:slow * a b")
}

func TestOperatorWithLeastRights(t *testing.T) {
	g := newGuarded(t)
	g.as("millrace")
	service := g.runFailing()
	id := g.order(1)
	g.addFailing(0, 0, 0, 1100)
	g.counted(service, "check_inventory", "acked", 1)
	g.counted(service, "failing", "dead_lettered", 4)
	service.terminate(g.shop)
	g.addFailing(0)
	g.redis.CLI("XREADGROUP", "GROUP", "failing", "somebody", "STREAMS", "event_stream", ">")
	letters, err := g.client("millrace").DeadLetters(t.Context(), "failing", stream.ID{}, 10)
	if err != nil || len(letters) != 4 {
		t.Fatalf("dead letters: got %d, %v, want 4", len(letters), err)
	}

	slices.SortFunc(letters, func(a, b stream.DeadLetter) int { return len(a.Fields) - len(b.Fields) })

	user := g.users["operator"]
	g.as(user.name)
	recording := g.record()
	g.done("groups")
	g.done("groups", "ls", "-o", "json")
	g.done("pending", "failing")
	g.done("event", id)
	g.done("dead", "ls", "failing")
	g.done("dead", "show", "failing", letters[0].ID.String())
	g.done("dead", "requeue", "failing", "--all", "--print-redis")
	g.done("dead", "requeue", "failing", letters[0].ID.String(), letters[3].ID.String(), "--yes") // the last is too long for a script
	g.done("dead", "rm", "failing", letters[1].ID.String(), "--yes")
	g.done("dead", "rm", "failing", "--all", "--yes")
	g.done("trim")
	g.done("trim", "--yes", "--retention", "1ms")
	g.done("groups", "rm", "check_inventory", "--yes")
	// A letter that vanishes just before it is requeued is let go of like this.
	client := g.client(user.name)
	err = client.Redis().Watch(t.Context(), func(*redis.Tx) error { return nil }, client.Keys().Dead("failing"))
	if err != nil {
		t.Error(err)
	}
	g.wantLeast(user, recording.stop(g))
	g.wantRefused(user.name, "DEL {event_stream}:published:E:1", "HGET stock 1", "HSET {event_stream}:groups a b",
		"XREADGROUP GROUP failing b STREAMS event_stream >", "XACK event_stream failing 1-1", "DEL {event_stream}:done:failing:E:1")
}

// TestLeastRightsInACluster shows which permission a Redis Cluster asks for beside the others.
func TestLeastRightsInACluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a cluster")
	}
	user := documentedUsers(t)["publisher"]
	servers := redistest.StartCluster(t)
	words := append([]string{"ACL", "SETUSER", user.name, "reset", "on", ">" + aclPassword, "+cluster|slots"}, user.words()...)
	for _, server := range servers {
		server.CLI(words...)
	}
	url := strings.Replace(redistest.ClusterURL(servers), "//", "//"+user.name+":"+aclPassword+"@", 1)
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Publish(t.Context(), stream.Event{Name: "E"}, stream.PublishOptions{}); err != nil {
		t.Error(err)
	}
	for _, server := range servers {
		if refused := strings.TrimSpace(server.CLI("ACL", "LOG")); refused != "" {
			t.Errorf("ACL LOG has\n%s\nwant nothing", refused)
		}
	}
}

func TestUsersAreDocumented(t *testing.T) {
	t.Parallel()
	users := documentedUsers(t)
	for _, name := range []string{"millrace", "shop", "publisher", "operator"} {
		if len(users[name].rules) == 0 {
			t.Errorf("docs/operations.md has no ACL SETUSER %s reset on >PASSWORD", name)
		}
	}
}
