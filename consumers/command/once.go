package command

import (
	"bytes"
	"context"
	"fmt"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// keptOutputBytes is how much of the end of a program's output is kept, to look for its answer.
const keptOutputBytes = 64 << 10

// exitPermanent is the exit code of a program that says that trying again cannot mend it: EX_DATAERR of sysexits(3).
const exitPermanent = 65

// maxComplaintBytes is how much of the end of standard error is kept. It leaves room for what stands before it in an
// error, which has 2048 bytes.
const maxComplaintBytes = 1536

// once runs the program anew for each event.
type once struct{ program *program }

// handle runs the program and waits until it is gone.
func (o once) handle(ctx context.Context, delivery *consumers.Delivery) error {
	request, err := requestOf(delivery)
	if err != nil {
		return err
	}
	variables, err := variablesOf(delivery)
	if err != nil {
		return err
	}
	run := run{name: o.program.name(), output: &tail{most: keptOutputBytes}, complaints: &tail{most: maxComplaintBytes}}
	command := o.program.command(variables...)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(request), run.output, run.complaints
	if run.process, err = start(command, nil); err != nil {
		return o.program.notStarted(err)
	}
	select {
	case <-run.process.gone:
	case <-ctx.Done():
		run.process.end()
	}
	return run.settle(delivery)
}

func (o once) close() {}

// run is one run of the program, and what it has written.
type run struct {
	name       string
	process    *process
	output     *tail
	complaints *tail
}

// settle makes of a run that is over what the handler returns. A program that was told to end may do so with exit code 0
// and have done nothing: its exit code counts no more.
func (r *run) settle(delivery *consumers.Delivery) error {
	output := r.output.text()
	said, spoke := lastAnswer(output)
	code := r.process.command.ProcessState.ExitCode()
	switch {
	case r.process.wasTold():
		return fmt.Errorf("%s was ended before it was done%s", r.name, r.reason(""))
	case code == 0:
		if delivery.Result = said.result(); !spoke {
			delivery.Result = shorten(output)
		}
		return nil
	case code == exitPermanent:
		return consumers.Permanent(fmt.Errorf("%s says that it cannot be done (exit status %d)%s", r.name, code, r.reason(said.Error)))
	}
	failure := answer{Error: r.process.status() + r.reason(said.Error), RetryAfter: said.RetryAfter}
	return failure.failure(r.name, false)
}

// reason is why the program failed, in its own words, as the end of an error.
func (r *run) reason(said string) string {
	if complaint := r.complaints.text(); complaint != "" {
		said = complaint
	}
	if said == "" {
		return ", and wrote nothing to its standard error"
	}
	return ": " + stream.CleanError(said)
}
