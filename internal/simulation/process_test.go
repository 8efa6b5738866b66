package simulation

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// process stands for one process, with connections and a Set of its own.
type process struct {
	number int // of its kind it is the only one ever; 0 is the judge's, whom the adversary leaves alone
	cancel context.CancelFunc
	dead   chan struct{} // closed when it is killed
	ended  chan struct{} // closed when its Set has returned

	mu       sync.Mutex
	commands map[string]int // of each kind
	cutUntil time.Time
	diedAt   time.Time // zero while it lives
	toldAt   time.Time // to stop; zero where it was not
	endedAt  time.Time
}

func newProcess(number int) *process {
	return &process{number: number, dead: make(chan struct{}), ended: make(chan struct{}), commands: map[string]int{}}
}

func (p *process) name() string { return fmt.Sprintf("p%d", p.number) }

// open makes a client of the process.
func (p *process) open(network *network) (*stream.Client, error) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		if p.isDead() {
			return nil, errBroken
		}
		return network.connect(p), nil
	}
	return stream.Open(stream.Options{URL: "redis://simulated", Dialer: dial})
}

// start begins a process.
func (w *world) start() *process {
	p := newProcess(len(w.processes) + 1)
	w.processes = append(w.processes, p)
	client, err := p.open(w.network)
	if err != nil {
		w.Fatal(err)
	}
	set, err := consumers.NewSet(client, consumers.Options{
		Consumer: p.name(), Lease: w.plan.lease, Grace: w.plan.grace, Logger: w.log.With(zap.Int("process", p.number)),
	}, w.groupOptions(p)...)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	w.running.Go(func() {
		defer cancel()
		if err := set.Run(ctx); err != nil {
			w.Errorf("process %d: Run error = %v", p.number, err)
		}
		_ = client.Close()
		p.end()
	})
	return p
}

func (w *world) groupOptions(p *process) []consumers.GroupOptions {
	var all []consumers.GroupOptions
	for _, group := range w.plan.groups {
		options := consumers.GroupOptions{
			Name: group.name, Handler: w.handler(p), Events: []string{eventName}, Concurrency: w.plan.concurrency,
			Timeout: w.plan.timeout, MaxDeliveries: w.plan.maxDeliveries, Dedupe: group.dedupe, From: stream.FromBeginning(),
			Backoff: claim.Backoff{Min: w.plan.lease / 20, Max: w.plan.lease},
		}
		if w.plan.emits {
			options.Emit = stream.Emit{Acked: followsAck, DeadLettered: followsDead}
		}
		all = append(all, options)
	}
	return all
}

// kill ends the process for the server and for the judge at once. What runs on of it can change nothing any more.
func (p *process) kill() {
	p.mu.Lock()
	p.diedAt = time.Now()
	p.mu.Unlock()
	close(p.dead)
	p.cancel()
}

// stop tells the process to end.
func (p *process) stop() {
	p.mu.Lock()
	if p.toldAt.IsZero() {
		p.toldAt = time.Now()
	}
	p.mu.Unlock()
	p.cancel()
}

// cut keeps the process from the server until then.
func (p *process) cut(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutUntil = until
}

func (p *process) end() {
	p.mu.Lock()
	p.endedAt = time.Now()
	p.mu.Unlock()
	close(p.ended)
}

// count numbers the commands of a kind.
func (p *process) count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands[kind]++
	return p.commands[kind]
}

// cutFor is for how long the process is still cut off.
func (p *process) cutFor(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutUntil.Sub(now)
}

// state tells when the process was killed, told to stop and ended; zero where it was not.
func (p *process) state() (died, told, ended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.diedAt, p.toldAt, p.endedAt
}

// told is when the process was told to stop; zero where it was not.
func (p *process) told() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.toldAt
}

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// isOver tells whether nothing more can come of the process.
func (p *process) isOver() bool {
	select {
	case <-p.ended:
		return true
	default:
		return p.isDead()
	}
}
