package child

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Main is the child's side: it reads the spec from in, does what it says and writes messages to out.
func Main(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := bufio.NewReader(in)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(first, &spec); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	parent := &parent{out: json.NewEncoder(out), told: make(chan struct{})}
	go parent.listen(lines, cancel)
	report, err := runRole(ctx, spec, parent)
	if err != nil {
		parent.say(message{Word: wordError, Error: err.Error()})
		return err
	}
	parent.say(message{Word: wordReport, Report: &report})
	return nil
}

// parent is whom the child speaks with.
type parent struct {
	mu   sync.Mutex
	out  *json.Encoder
	told chan struct{} // closed by the word "go"
}

// listen reads what the parent says until it says no more, which means stop.
func (p *parent) listen(lines *bufio.Reader, stop context.CancelFunc) {
	defer stop()
	if _, err := lines.ReadString('\n'); err != nil {
		return
	}
	close(p.told)
	_, _ = io.Copy(io.Discard, lines)
}

func (p *parent) say(message message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.out.Encode(message) // a parent that is gone has ended this process
}

// awaitGo says that everything is ready and waits until the parent wants it to begin.
func (p *parent) awaitGo(ctx context.Context) error {
	p.say(message{Word: wordReady})
	select {
	case <-p.told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("told to stop before the beginning: %w", ctx.Err())
	}
}
