package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// roleConsumer is the argument that makes this program a consumer process; the next one is its consumerSpec.
const roleConsumer = "consumer"

// roles are what this program can be beside the run itself.
func roles() map[string]func(ctx context.Context, spec string) error {
	return map[string]func(context.Context, string) error{roleConsumer: consume, roleWitness: bear, roleFollowed: bearFollowed}
}

// stopWithin is how long a process may take after SIGTERM: its grace and what its last settlements take, also where
// Redis does not answer.
const stopWithin = grace + 15*time.Second

// process is one consumer process, alive or dead.
type process struct {
	name    string
	journal string
	command *exec.Cmd
	exited  chan struct{} // closed when it has ended; died and killed are set by then
	died    time.Time
	killed  bool // by SIGKILL, from outside or by its own handler, or by a SIGTERM that came before it had begun
}

// place is where one consumer process after the other runs, behind a proxy of its own.
type place struct {
	proxy   *breakable.Proxy
	current *process
}

// fleet keeps as many consumer processes alive as it has places: one that ends is replaced at once.
type fleet struct {
	dir     string
	ended   func(process string) error // called after the end of each, with its name
	role    string                     // of its processes
	running sync.WaitGroup

	mu      sync.Mutex
	places  []*place
	all     []*process
	closing bool
	faults  []error
}

// startFleet starts a process of that role in each place, against the server at target. ended is called when one has ended.
func startFleet(dir, role, target string, size int, ended func(process string) error) (*fleet, error) {
	f := &fleet{dir: dir, role: role, ended: ended}
	for range size {
		proxy, err := breakable.StartProxy(target)
		if err != nil {
			return f, err
		}
		f.places = append(f.places, &place{proxy: proxy})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, place := range f.places {
		if err := f.start(place); err != nil {
			return f, err
		}
	}
	return f, nil
}

// start starts a new process in place; the caller holds the lock.
func (f *fleet) start(place *place) error {
	name := fmt.Sprintf("c%d", len(f.all))
	p := &process{name: name, journal: filepath.Join(f.dir, name+".journal"), exited: make(chan struct{})}
	spec, err := json.Marshal(consumerSpec{Name: name, URL: "redis://" + place.proxy.Addr(), Journal: p.journal})
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	log, err := os.Create(filepath.Join(f.dir, name+".log"))
	if err != nil {
		return fmt.Errorf("create a consumer's log: %w", err)
	}
	p.command = exec.Command(binary, f.role, string(spec)) //nolint:noctx // close ends it
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = breakable.DieWithParent()
	err = p.command.Start()
	_ = log.Close() // the process writes by a descriptor of its own
	if err != nil {
		return fmt.Errorf("start a consumer: %w", err)
	}
	f.all = append(f.all, p)
	place.current = p
	f.running.Go(func() { f.watch(place, p) })
	return nil
}

// watch waits for the end of a process, replaces it and has told what it left behind.
func (f *fleet) watch(place *place, p *process) {
	err := p.command.Wait()
	f.replace(place, p, err)
	if err := f.ended(p.name); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = append(f.faults, err)
	}
}

func (f *fleet) replace(place *place, p *process, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.died = time.Now()
	status, _ := p.command.ProcessState.Sys().(syscall.WaitStatus)
	p.killed = status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM)
	close(p.exited)
	if err != nil && !p.killed && !p.neverBegan(status) {
		f.faults = append(f.faults, fmt.Errorf("consumer %s ended by itself: %w", p.name, err))
	}
	if !f.closing {
		if err := f.start(place); err != nil {
			f.faults = append(f.faults, err)
		}
	}
}

// killed is how many processes have ended by SIGKILL, from outside or by their own handlers.
func (f *fleet) killed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	killed := 0
	for _, process := range f.all {
		if process.killed {
			killed++
		}
	}
	return killed
}

// neverBegan tells whether a process was told to end before it listened for that, which it does before it opens its journal.
func (p *process) neverBegan(status syscall.WaitStatus) bool {
	_, err := os.Stat(p.journal)
	return status.Signaled() && status.Signal() == syscall.SIGTERM && errors.Is(err, os.ErrNotExist)
}

// size is how many places there are.
func (f *fleet) size() int { return len(f.places) }

// at is the process that runs in a place now.
func (f *fleet) at(place int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.places[place].current
}

// proxy is the network of a place.
func (f *fleet) proxy(place int) *breakable.Proxy { return f.places[place].proxy }

// kill ends a process as kill -9 does, and waits for its end.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.exited
}

// terminate asks a process to end and waits for it; an error says that it hangs, and that it was killed.
func (p *process) terminate() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopWithin):
		p.kill()
		return fmt.Errorf("consumer %s had not ended %v after SIGTERM", p.name, stopWithin)
	}
}

// stop freezes a process until resume.
func (p *process) stop() { _ = p.command.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() { _ = p.command.Process.Signal(syscall.SIGCONT) }

// close terminates every process, waits for all and returns what was wrong with any since the start.
func (f *fleet) close() error {
	f.mu.Lock()
	f.closing = true
	places := f.places
	f.mu.Unlock()
	faults := make([]error, len(places))
	var ending sync.WaitGroup
	for i, place := range places {
		if place.current != nil {
			ending.Go(func() { faults[i] = place.current.terminate() })
		}
	}
	ending.Wait()
	f.running.Wait()
	for _, place := range places {
		place.proxy.Close()
	}
	return errors.Join(append(faults, f.faults...)...)
}
