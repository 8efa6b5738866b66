package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// memoryLimit is how much a poisoned process may have in memory: many times what it needs, and half of what a dose takes.
const memoryLimit = 512 << 20

// How a poisoned process ends.
const (
	endedByExit   = "by os.Exit"
	endedByMemory = "for its memory"
	endedByProbe  = "since half of its handlers hung"
	endedByUs     = "as told"
)

// ward runs poisoned processes as Kubernetes runs pods: one that ends is started again, and one that takes too much memory
// is killed. The limit is watched from outside, with SIGKILL as the kernel would send it: a cgroup needs rights that a test
// has not everywhere, and a limit of the address space does not go with the race detector.
type ward struct {
	dir, url, journal string

	mu     sync.Mutex
	ends   map[string]int
	faults []error
}

// run keeps so many processes alive until ctx ends, and returns when the last one has ended.
func (w *ward) run(ctx context.Context, size int) {
	var places sync.WaitGroup
	for place := range size {
		places.Go(func() {
			for ctx.Err() == nil {
				end, err := w.live(ctx, fmt.Sprintf("p%d", place))
				w.ended(end, err)
			}
		})
	}
	places.Wait()
}

func (w *ward) ended(end string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && len(w.faults) < 10 {
		w.faults = append(w.faults, err)
	}
	w.ends[end]++
}

// fault is what went wrong so far, or nil.
func (w *ward) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.faults...)
}

// live runs one process from its start to its end. When ctx ends, it is told to end.
func (w *ward) live(ctx context.Context, name string) (end string, err error) {
	spec, err := json.Marshal(consumerSpec{Name: name, URL: w.url, Journal: w.journal})
	if err != nil {
		return "", err
	}
	log, err := os.OpenFile(filepath.Join(w.dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	defer log.Close()
	command := exec.CommandContext(ctx, os.Args[0], rolePoisoned, string(spec))
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopWithin
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = breakable.DieWithParent()
	if err := command.Start(); err != nil {
		return "", err
	}
	over := make(chan struct{})
	killed := make(chan bool, 1)
	go func() { killed <- killAbove(memoryLimit, command.Process, over) }()
	_ = command.Wait() // how it ended is in its state
	close(over)
	if <-killed {
		return endedByMemory, nil
	}
	status := command.ProcessState
	system, _ := status.Sys().(syscall.WaitStatus)
	switch {
	case status.ExitCode() == exitPoisoned:
		return endedByExit, nil
	case status.ExitCode() == exitUnhealthy:
		return endedByProbe, nil
	case status.ExitCode() == 0, ctx.Err() != nil && system.Signal() == syscall.SIGTERM: // before it listened for that
		return endedByUs, nil
	default:
		return status.String(), fmt.Errorf("process %d of %s ended by itself: %v", status.Pid(), log.Name(), status)
	}
}

// killAbove kills a process as soon as it has more than limit bytes in memory, and tells whether it did. It returns when
// over is closed.
func killAbove(limit int, process *os.Process, over <-chan struct{}) (killed bool) {
	looks := time.NewTicker(5 * time.Millisecond)
	defer looks.Stop()
	for {
		select {
		case <-over:
			return killed
		case <-looks.C:
		}
		if !killed && resident(process.Pid) > limit {
			killed = process.Kill() == nil
		}
	}
}

// resident is how many bytes a process has in memory; 0 where it has ended.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(words[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
