package consumers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// The test binary is also the program that these tests kill: started with processEnv set, it runs one group whose handler
// does what the event's data says, and writes down in Redis what it starts.
const processEnv = "MILLRACE_TEST_PROCESS"

func TestMain(m *testing.M) {
	if url := os.Getenv(processEnv); url != "" {
		runProcess(url)
		return
	}
	os.Exit(m.Run())
}

const (
	processLease         = 2 * time.Second
	processMaxDeliveries = 3
	startedKey           = "started" // a list: entry, deliveries, consumer's process
	finishedKey          = "finished"
)

// order is what an event's data tells the handler to do.
type order struct {
	SleepMs int  `json:"sleep_ms"` // at every delivery
	FirstMs int  `json:"first_ms"` // at the first delivery alone
	Exit    bool `json:"exit"`     // kill the process
	FailMs  int  `json:"fail_ms"`  // fail once, to be retried after so long
}

func runProcess(url string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	logger, err := zap.NewDevelopment()
	must(err)
	client, err := stream.Open(stream.Options{URL: url})
	must(err)
	note := func(key string, d *consumers.Delivery) {
		must(client.Redis().RPush(context.Background(), key, fmt.Sprintf("%v %d %d", d.EntryID, d.Deliveries, os.Getpid())).Err())
	}
	handle := func(ctx context.Context, d *consumers.Delivery) error {
		note(startedKey, d)
		var todo order
		if err := json.Unmarshal(d.Data, &todo); err != nil {
			return consumers.Permanent(err)
		}
		pause := time.Duration(todo.SleepMs) * time.Millisecond
		if d.Deliveries == 1 {
			pause += time.Duration(todo.FirstMs) * time.Millisecond
		}
		if todo.Exit {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		if todo.FailMs > 0 && d.Deliveries == 1 {
			return consumers.RetryAfter(time.Duration(todo.FailMs)*time.Millisecond, errors.New("told to fail"))
		}
		select {
		case <-time.After(pause):
			note(finishedKey, d)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	concurrency, err := strconv.Atoi(os.Getenv("CONCURRENCY"))
	must(err)
	set, err := consumers.NewSet(client, consumers.Options{Lease: processLease, Grace: 5 * time.Second, Logger: logger},
		consumers.GroupOptions{
			Name: "g", Events: []string{"*"}, Handler: consumers.HandlerFunc(handle), Concurrency: concurrency,
			MaxDeliveries: processMaxDeliveries, Backoff: claim.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		})
	must(err)
	must(set.Run(ctx))
	must(client.Close())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is one started consumer.
type process struct {
	*exec.Cmd
	done chan error
}

func (b *bench) start(concurrency int) *process {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), processEnv+"="+b.url, "CONCURRENCY="+strconv.Itoa(concurrency))
	log, err := os.CreateTemp(b.TempDir(), "process-*.log")
	if err != nil {
		b.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	p := &process{Cmd: command, done: make(chan error, 1)}
	go func() { p.done <- command.Wait() }()
	b.Cleanup(func() {
		_ = command.Process.Kill()
		if text, err := os.ReadFile(log.Name()); err == nil && b.Failed() {
			b.Logf("process %d:\n%s", command.Process.Pid, text)
		}
		_ = log.Close()
	})
	return p
}

func (p *process) kill(b *bench) {
	b.Helper()
	_ = p.Process.Kill()
	<-p.done
}

func (p *process) terminate(b *bench) {
	b.Helper()
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.done:
		if err != nil {
			b.Fatalf("after SIGTERM: got %v, want exit 0", err)
		}
	case <-time.After(20 * time.Second):
		b.Fatal("after SIGTERM: still running after 20s")
	}
}

func (b *bench) order(todo order) stream.ID {
	b.Helper()
	data, _ := json.Marshal(todo)
	return b.add("event", "ORDER", "data", string(data))
}

// noted returns what the processes wrote down: for each entry how often, and the highest delivery count.
func (b *bench) noted(key string) (times, deliveries map[string]int) {
	b.Helper()
	times, deliveries = map[string]int{}, map[string]int{}
	for _, line := range b.client.Redis().LRange(b.Context(), key, 0, -1).Val() {
		words := strings.Fields(line)
		count, _ := strconv.Atoi(words[1])
		times[words[0]]++
		deliveries[words[0]] = max(deliveries[words[0]], count)
	}
	return times, deliveries
}

// drained tells whether the group has been handed everything and nothing is pending.
func (b *bench) drained() bool {
	groups, err := b.client.Groups(b.Context())
	return err == nil && len(groups) == 1 && groups[0].Lag == 0 && groups[0].Pending == 0
}

func onProcesses(t *testing.T, run func(b *bench)) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	run(newBench(t, redistest.Start(t).URL()))
}

func TestKilledConsumerIsTakenOver(t *testing.T) {
	onProcesses(t, func(b *bench) {
		victim := b.start(16)
		for range 16 {
			b.order(order{FirstMs: 60_000})
		}
		b.until("the victim works on all of them", func() bool {
			started, _ := b.noted(startedKey)
			return len(started) == 16
		})
		b.start(16)
		other := b.order(order{})
		b.until("the heir works", func() bool {
			finished, _ := b.noted(finishedKey)
			return finished[other.String()] == 1
		})
		victim.kill(b)
		killed := time.Now()
		b.until("everything is done", b.drained)
		took := time.Since(killed)
		if limit := processLease + 2*time.Second; took > limit {
			t.Errorf("taken over and done after %v, want at most %v", took, limit)
		}
		finished, deliveries := b.noted(finishedKey)
		for id, times := range finished {
			if times != 1 || deliveries[id] > 2 {
				t.Errorf("%s finished %d times at delivery %d, want once at the second at most", id, times, deliveries[id])
			}
		}
		if len(finished) != 17 {
			t.Errorf("finished %d events, want 17", len(finished))
		}
		t.Logf("16 entries of a killed consumer were done %v after the kill (lease %v)", took, processLease)
	})
}

func TestPoisonDiesAlone(t *testing.T) {
	onProcesses(t, func(b *bench) {
		var good []stream.ID
		for range 20 {
			good = append(good, b.order(order{SleepMs: 5}))
		}
		poison := b.order(order{Exit: true})
		for range 20 {
			good = append(good, b.order(order{SleepMs: 5}))
		}
		deadline := time.Now().Add(60 * time.Second)
		deaths := 0
		for p := b.start(8); !b.drained(); {
			select {
			case <-p.done:
				deaths++
				p = b.start(8)
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatalf("not drained after 60s and %d deaths", deaths)
			}
		}
		if deaths != processMaxDeliveries {
			t.Errorf("the poison killed %d processes, want %d", deaths, processMaxDeliveries)
		}
		letters := b.dead("g")
		if len(letters) != 1 || letters[0].EntryID != poison || letters[0].Reason != stream.DeadMaxDeliveries {
			t.Errorf("dead letters: got %+v, want the poison alone", letters)
		}
		finished, deliveries := b.noted(finishedKey)
		for _, id := range good {
			if finished[id.String()] == 0 || deliveries[id.String()] > 2 {
				t.Errorf("%v: finished %d times at delivery %d, want it done by the second", id, finished[id.String()], deliveries[id.String()])
			}
		}
	})
}

func TestRollingRestartsLoseAndBurnNothing(t *testing.T) {
	onProcesses(t, func(b *bench) {
		const restarts = 20
		stop := make(chan struct{})
		added := make(chan int)
		go func() { // two thousand a second: under half of what the pair can do
			pace := time.NewTicker(500 * time.Microsecond)
			defer pace.Stop()
			for n := 0; ; n++ {
				select {
				case <-stop:
					added <- n
					return
				case <-pace.C:
					b.order(order{SleepMs: n % 7})
				}
			}
		}()
		pair := []*process{b.start(8), b.start(8)}
		for n := range restarts {
			before := b.client.Redis().LLen(b.Context(), finishedKey).Val()
			b.until("the new one works under load", func() bool {
				return b.client.Redis().LLen(b.Context(), finishedKey).Val() > before+50
			})
			pair[n%2].terminate(b)
			pair[n%2] = b.start(8)
		}
		close(stop)
		total := <-added
		b.until("everything is done", b.drained)
		finished, deliveries := b.noted(finishedKey)
		if len(finished) != total {
			t.Errorf("finished %d of %d events", len(finished), total)
		}
		for id, times := range finished {
			if times != 1 || deliveries[id] != 1 {
				t.Errorf("%s finished %d times at delivery %d, want once at the first", id, times, deliveries[id])
			}
		}
		pair[0].terminate(b)
		pair[1].terminate(b)
		if left := b.consumersLeft("g"); len(left) > 0 {
			t.Errorf("consumers: got %v, want none", left)
		}
		t.Logf("%d restarts under load, %d events: none lost, none handled twice", restarts, total)
	})
}

func TestRetryOutlivesItsProcess(t *testing.T) {
	onProcesses(t, func(b *bench) {
		first := b.start(1)
		id := b.order(order{FailMs: 4000})
		b.until("it waits for its retry", func() bool {
			pending, err := b.client.Pending(b.Context(), "g", stream.ID{}, 1)
			return err == nil && len(pending) == 1 && !pending[0].NextTry.IsZero()
		})
		pending, err := b.client.Pending(b.Context(), "g", stream.ID{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		first.kill(b)
		b.start(1)
		b.until("it is retried", func() bool {
			finished, _ := b.noted(finishedKey)
			return finished[id.String()] == 1
		})
		late := time.Since(pending[0].NextTry)
		if late < 0 || late > 1500*time.Millisecond {
			t.Errorf("retried %v after its time, want within 1.5s", late)
		}
		t.Logf("retried %v after its time, by another process", late)
	})
}

func TestLongHandlerRunsOnceBesideAnother(t *testing.T) {
	onProcesses(t, func(b *bench) {
		b.start(2)
		b.start(2)
		id := b.order(order{SleepMs: int(3*processLease/time.Millisecond) + 500})
		b.until("it is done", func() bool {
			finished, _ := b.noted(finishedKey)
			return finished[id.String()] == 1
		})
		if started, _ := b.noted(startedKey); started[id.String()] != 1 {
			t.Errorf("started %d times, want once", started[id.String()])
		}
	})
}

func TestPausedOwnerTakesNothingBack(t *testing.T) {
	onProcesses(t, func(b *bench) {
		paused := b.start(1)
		id := b.order(order{FirstMs: 5_000})
		b.until("it is being handled", func() bool {
			started, _ := b.noted(startedKey)
			return started[id.String()] == 1
		})
		_ = paused.Process.Signal(syscall.SIGSTOP)
		b.start(1)
		b.until("the other has done it", func() bool {
			finished, _ := b.noted(finishedKey)
			return finished[id.String()] == 1
		})
		_ = paused.Process.Signal(syscall.SIGCONT)
		after := b.order(order{})
		b.until("all is done", func() bool { return b.drained() })
		finished, _ := b.noted(finishedKey)
		if finished[id.String()] != 1 || finished[after.String()] != 1 {
			t.Errorf("finished %d and %d times, want once each", finished[id.String()], finished[after.String()])
		}
		if letters := b.dead("g"); len(letters) > 0 {
			t.Errorf("dead letters: got %+v, want none", letters)
		}
	})
}

func TestHalfOpenConnection(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	direct := newBench(t, server.URL())
	b := newBench(t, proxy.URL())
	b.run(nil, group("g", succeed))
	proxy.Blackhole()
	id := direct.add("event", "ORDER")
	time.Sleep(6 * time.Second) // the link is dead for so long
	proxy.Heal()
	healed := time.Now()
	b.wantOutcomes("g", id, "acked")
	if took := time.Since(healed); took > 5*time.Second {
		t.Errorf("resumed %v after the link had healed, want within 5s", took)
	}
}
