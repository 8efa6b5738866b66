package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/millrace/millrace/bench/internal/server"
)

// Process is the parent's side of a child. Its methods are for one goroutine.
type Process struct {
	spec     Spec
	command  *exec.Cmd
	in       io.WriteCloser
	messages chan message // closed when the child says no more
	stderr   tail
	handled  int // as its last message of progress said
}

// Start starts a child and waits until it is ready to go.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &Process{spec: spec, messages: make(chan message, 64)}
	p.command = exec.CommandContext(ctx, binary, Argument)
	p.command.SysProcAttr = server.DieWithParent()
	p.command.Stderr = &p.stderr
	p.command.WaitDelay = time.Second // a process that the child had started may hold on to its standard error
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start a child: %w", err)
	}
	go p.listen(out)
	if err := json.NewEncoder(in).Encode(spec); err != nil {
		return nil, p.fault(err)
	}
	return p, p.await(ctx, wordReady)
}

func (p *Process) listen(out io.Reader) {
	defer close(p.messages)
	for messages := json.NewDecoder(out); ; {
		var said message
		if messages.Decode(&said) != nil {
			return // its end, or what is no message: whoever waits is told that the child is gone
		}
		p.messages <- said
	}
}

// PID is the number of its process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Go has the child begin.
func (p *Process) Go() error {
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		return p.fault(err)
	}
	return nil
}

// AwaitComplete waits until every group of this child has seen every event.
func (p *Process) AwaitComplete(ctx context.Context) error { return p.await(ctx, wordComplete) }

// AwaitProgress waits for the next message of progress and returns how many events the child has handled.
func (p *Process) AwaitProgress(ctx context.Context) (int, error) {
	err := p.await(ctx, wordProgress)
	return p.handled, err
}

func (p *Process) await(ctx context.Context, word string) error {
	said, err := p.next(ctx)
	for err == nil && said.Word != word {
		if said.Word == wordReport {
			return p.fault(fmt.Errorf("it ended before it was %s", word))
		}
		said, err = p.next(ctx)
	}
	p.handled = said.Handled
	return err
}

// next waits for the child's next message; the word of an error becomes one. When ctx ends first, the child goes on.
func (p *Process) next(ctx context.Context) (message, error) {
	select {
	case said, more := <-p.messages:
		if !more {
			return message{}, p.fault(errors.New("it is gone"))
		}
		if said.Word == wordError {
			return message{}, p.fault(errors.New(said.Error))
		}
		return said, nil
	case <-ctx.Done():
		return message{}, fmt.Errorf("%s of %s: %w", p.spec.Role, p.spec.System, context.Cause(ctx))
	}
}

// Stop tells the child to end what goes on until then.
func (p *Process) Stop() { _ = p.in.Close() }

// Report waits for the child's end and returns its report.
func (p *Process) Report(ctx context.Context) (Report, error) {
	said, err := p.next(ctx)
	for err == nil && said.Report == nil {
		said, err = p.next(ctx)
	}
	if err != nil {
		return Report{}, err
	}
	p.Stop()
	if err := p.command.Wait(); err != nil {
		return Report{}, p.fault(err)
	}
	return *said.Report, nil
}

// Kill ends the child at once, as kill -9 does. It may be called on one that has ended.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	p.Stop()
	for range p.messages { // until listen has ended
	}
	_ = p.command.Wait()
}

// fault kills the child and says who it was and what it wrote last.
func (p *Process) fault(err error) error {
	p.Kill()
	return fmt.Errorf("%s of %s: %w\n%s", p.spec.Role, p.spec.System, err, p.stderr.String())
}

// tail keeps the last kilobytes of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 4096

// Write keeps the end of what was written so far.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, text...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(text), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}

// Run starts a child that ends by itself, and returns its report.
func Run(ctx context.Context, spec Spec) (Report, error) {
	process, err := Start(ctx, spec)
	if err != nil {
		return Report{}, err
	}
	if err := process.Go(); err != nil {
		return Report{}, err
	}
	return process.Report(ctx)
}
