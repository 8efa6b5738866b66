package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// journal is what a consumer process tells of its handlings: a file with a line for each start and each end, written in
// one piece before the handling goes on, so that kill -9 takes away nothing that was done.
type journal struct{ file *os.File }

// The words of a line: "start GROUP EVENT_ID NANOSECONDS", and the same with "ok" or "failed" for an end.
const (
	wordStart  = "start"
	wordOK     = "ok"
	wordFailed = "failed"
)

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journal{file: file}, nil
}

func (j *journal) write(word, group, eventID string) error {
	line := word + " " + group + " " + eventID + " " + strconv.FormatInt(time.Now().UnixNano(), 10) + "\n"
	if _, err := j.file.WriteString(line); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// handling is one handling as a journal tells it.
type handling struct {
	group, eventID, consumer string
	started                  time.Time
	ended                    time.Time // zero where its process died first
	succeeded                bool
}

// readJournal tells of the handlings of one consumer in the order in which they ended, and then of those that did not.
func readJournal(path, consumer string, tell func(handling)) error {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil // killed before it had begun
	}
	if err != nil {
		return fmt.Errorf("read a journal: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	open := map[string]handling{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 4 {
			return fmt.Errorf("read the journal of %s: %q is no line of it", consumer, lines.Text())
		}
		nanoseconds, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil {
			return fmt.Errorf("read the journal of %s: %w", consumer, err)
		}
		at, key := time.Unix(0, nanoseconds), words[1]+" "+words[2]
		if words[0] == wordStart {
			if unfinished, isOpen := open[key]; isOpen {
				tell(unfinished)
			}
			open[key] = handling{group: words[1], eventID: words[2], consumer: consumer, started: at}
			continue
		}
		done := open[key]
		done.ended, done.succeeded = at, words[0] == wordOK
		delete(open, key)
		tell(done)
	}
	for _, unfinished := range open {
		tell(unfinished)
	}
	return lines.Err()
}
