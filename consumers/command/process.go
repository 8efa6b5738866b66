package command

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// termGrace is how long a process group has to end by itself after SIGTERM, before SIGKILL. Together with pipeGrace it
	// stays well below the 5 s after which a handler that does not return is abandoned.
	termGrace = 2 * time.Second
	// pipeGrace is how long the pipes of a program that has ended are read from: a process that has left the group, and
	// still lives, may hold their other ends.
	pipeGrace = time.Second
)

// process is a program that was started, with all of its process group. It never outlives this process on Linux; what
// it has started itself may, where this process is killed.
type process struct {
	command *exec.Cmd
	onExit  func()        // called when the program has ended, before gone is closed; may be nil
	gone    chan struct{} // closed when the program has ended, what it left of its group was killed, and its pipes are read

	mu    sync.Mutex
	group int  // the process group; zero once it must not be signalled any more
	told  bool // it was told to end while it ran
}

// start starts the command and a goroutine that ends with it: whoever starts a process waits until it is gone.
func start(command *exec.Cmd, onExit func()) (*process, error) {
	p := &process{command: command, onExit: onExit, gone: make(chan struct{})}
	command.WaitDelay = pipeGrace
	started := make(chan error)
	go p.attend(started)
	if err := <-started; err != nil {
		<-p.gone
		return nil, err
	}
	return p, nil
}

// attend starts the program and waits for its end. It keeps the thread for as long: Linux kills the program when the
// thread ends that has started it (prctl(2), PR_SET_PDEATHSIG), and a thread of this process may end before the process.
func (p *process) attend(started chan<- error) {
	defer close(p.gone)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.command.Start(); err != nil {
		started <- err
		return
	}
	p.group = p.command.Process.Pid
	started <- nil
	reap(p.command, p.disband)
}

// disband kills what is left of the group when the program has ended.
func (p *process) disband() {
	p.mu.Lock()
	killGroup(p.group, syscall.SIGKILL)
	p.group = 0
	p.mu.Unlock()
	if p.onExit != nil {
		p.onExit()
	}
}

// signal sends a signal to the group, unless the program has ended.
func (p *process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group != 0 {
		p.told = true
		killGroup(p.group, signal)
	}
}

// end tells the group to end, kills what has not done so after a while, and returns when it is gone.
func (p *process) end() {
	p.signal(syscall.SIGTERM)
	if !p.goneWithin(termGrace) {
		p.signal(syscall.SIGKILL)
		<-p.gone
	}
}

// goneWithin waits until the process is gone, for that long at most.
func (p *process) goneWithin(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.gone:
		return true
	case <-timer.C:
		return false
	}
}

// wasTold tells whether the program was told to end before it did.
func (p *process) wasTold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// status says how a program that is gone has ended.
func (p *process) status() string {
	state := p.command.ProcessState
	if state == nil {
		return "nobody knows how"
	}
	return state.String()
}
