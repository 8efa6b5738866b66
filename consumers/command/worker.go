package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// usualAnswerBytes is room for a line such as programs usually answer with; a longer one is gathered elsewhere.
const usualAnswerBytes = 16 << 10

// exitPatience is how long a process has to end by itself when its standard input has ended.
const exitPatience = time.Second

// worker is a process that handles one event after the other. One goroutine at a time uses it.
type worker struct {
	name       string
	process    *process
	requests   *os.File // the process reads them from its standard input
	answers    *os.File // it writes them to its standard output
	raw        syscall.RawConn
	reader     *bufio.Reader
	complaints *tail // the end of its standard error, of this event alone

	handled int  // events that it has answered
	spent   bool // it is used no more
	trial   bool // nobody knows whether the program works at all
}

// newWorker starts a process.
func newWorker(program *program) (*worker, error) {
	w := &worker{name: program.name(), complaints: &tail{most: maxComplaintBytes}}
	command := program.command(variableMode + "=" + string(Persistent))
	command.Stderr = w.complaints
	stdin, stdout, err := w.pipes()
	if err != nil {
		return nil, err
	}
	defer closeAll(stdin, stdout)
	command.Stdin, command.Stdout = stdin, stdout
	if w.process, err = start(command, w.hurry); err != nil {
		w.close()
		return nil, program.notStarted(err)
	}
	return w, nil
}

// pipes makes the pipes to the process, and returns the ends that are its own.
func (w *worker) pipes() (stdin, stdout *os.File, err error) {
	if stdin, w.requests, err = os.Pipe(); err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	if w.answers, stdout, err = os.Pipe(); err != nil {
		closeAll(stdin, w.requests)
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	if w.raw, err = w.answers.SyscallConn(); err != nil {
		closeAll(stdin, stdout, w.requests, w.answers)
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	w.reader = bufio.NewReaderSize(w.answers, usualAnswerBytes)
	return stdin, stdout, nil
}

// closeAll closes pipes. There is nothing that could be lost.
func closeAll(pipes ...*os.File) {
	for _, pipe := range pipes {
		_ = pipe.Close()
	}
}

func (w *worker) close() { closeAll(w.requests, w.answers) }

// interrupt ends what waits for the process, now and from now on.
func (w *worker) interrupt() { w.deadline(time.Unix(1, 0)) }

// hurry lets what the process has left in its pipe be read and waits for no more.
func (w *worker) hurry() { w.deadline(time.Now().Add(pipeGrace)) }

func (w *worker) deadline(at time.Time) {
	_ = w.requests.SetWriteDeadline(at) // or it is closed
	_ = w.answers.SetReadDeadline(at)
}

// idle returns why the process cannot be handed an event, or nil: it has ended, or said something that nobody asked for,
// which would be taken for the answer.
func (w *worker) idle() error {
	found, ended := peek(w.raw)
	switch {
	case found || w.reader.Buffered() > 0:
		return fmt.Errorf("%s wrote to its standard output without being asked", w.name)
	case ended:
		return fmt.Errorf("%s has ended", w.name)
	default:
		return nil
	}
}

// ask hands the process an event and waits for its answer. After an error the process is in no known state.
func (w *worker) ask(ctx context.Context, request []byte) (answer, error) {
	if w.handled > 0 { // what it said at its start may be why it does not come to the first event
		w.complaints.reset()
	}
	stop := context.AfterFunc(ctx, w.interrupt)
	line, err := w.exchange(request)
	if !stop() {
		w.spent = true // whatever it says from now on is not heard
	}
	if err != nil {
		return answer{}, w.explain(ctx, err)
	}
	said, err := parseAnswer(line)
	if err != nil {
		return answer{}, fmt.Errorf("%s answered with what is no answer: %w%s", w.name, err, w.complaint())
	}
	w.handled++
	return said, nil
}

// exchange writes one line and reads one. The line is valid until the next call.
func (w *worker) exchange(request []byte) ([]byte, error) {
	if _, err := w.requests.Write(request); err != nil {
		return nil, err
	}
	line, err := w.reader.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	whole := slices.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) && len(whole) < maxAnswerBytes {
		line, err = w.reader.ReadSlice('\n')
		whole = append(whole, line...)
	}
	return whole, err
}

// explain says why there is no answer. It waits for the process where that has ended.
func (w *worker) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("%s answered with a line of more than %d MiB%s", w.name, maxAnswerBytes>>20, w.complaint())
	case ctx.Err() != nil:
		return fmt.Errorf("%s gave no answer in time and was ended%s", w.name, w.complaint())
	}
	closeAll(w.requests)
	if !w.process.goneWithin(exitPatience) {
		return fmt.Errorf("%s closed its standard input or output%s", w.name, w.complaint())
	}
	return fmt.Errorf("%s ended without an answer (%s)%s", w.name, w.process.status(), w.complaint())
}

// complaint is what the process wrote to its standard error, as the end of an error.
func (w *worker) complaint() string {
	if text := w.complaints.text(); text != "" {
		return ": " + text
	}
	return ""
}

// end ends the process and returns when it is gone.
func (w *worker) end() {
	w.process.end()
	w.close()
}

// retire lets the process end by itself, now that no event comes any more, ends it where it does not, and returns when it
// is gone.
func (w *worker) retire() {
	closeAll(w.requests)
	if !w.process.goneWithin(exitPatience) {
		w.process.end()
	}
	w.close()
}
