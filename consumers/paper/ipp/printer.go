package ipp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// DefaultUser is whom the jobs belong to unless Options.User says otherwise.
const DefaultUser = "millrace"

const (
	// firstPoll and lastPoll are how long is waited before a job is asked after again: at first, and at last.
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second
	// cancelTime bounds the taking back of a job. A handling that goes on for five seconds after its timeout is given up.
	cancelTime = 3 * time.Second
)

// Options says which printer it is.
type Options struct {
	// Address is where the printer is, as ParseAddress reads it. Needed.
	Address string
	// CAFile is a file of PEM certificates that the printer's certificate is checked against. "" means those that the
	// system trusts.
	CAFile string
	// User is whom the jobs belong to, as the printer shows it. "" means DefaultUser.
	User string
}

// Printer is a printer. It may be used by many goroutines; it holds no connection between documents, and need not be
// closed.
type Printer struct {
	address  Address
	trusting *tls.Config
	user     string
	lastID   atomic.Uint32
}

// New returns the printer, which is not asked yet: it may come later. The error names the option that cannot be used.
func New(o Options) (*Printer, error) {
	address, err := ParseAddress(o.Address)
	if err != nil {
		return nil, fmt.Errorf("printer: %w", err)
	}
	authorities, err := readAuthorities(o.CAFile, address.encrypted)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	trusting, err := remote.Trusting(authorities)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %s: %w", o.CAFile, err)
	}
	return &Printer{address: address, trusting: trusting, user: cmp.Or(o.User, DefaultUser)}, nil
}

// readAuthorities reads the file of certificates; nil where there is none.
func readAuthorities(file string, encrypted bool) ([]byte, error) {
	switch {
	case file == "":
		return nil, nil
	case !encrypted:
		return nil, errors.New("expected none, because the printer's address does not begin ipps://")
	}
	return os.ReadFile(file)
}

// Job is a document to print.
type Job struct {
	// Name is what the printer calls the job, at most 255 bytes: the same for the same document, and for no other.
	Name string
	// Formats are the document's media types; the first that the printer takes is used. At least one.
	Formats []string
	// Content is the document.
	Content []byte
	// Again says that the job may have been sent before, so that one of its name is looked for first.
	Again bool
}

// Print prints a document and blocks until it is on paper or cannot be: until the printer says that the job has ended, or
// ctx ends. What it returns says which job it was.
//
// When ctx ends first the job is cancelled, which takes up to three seconds more, and the error says what kept the printer
// from printing it; why ctx ended its caller knows. Where the lease was lost or the process stops, the job is left in the
// printer: the next delivery finds it by its name.
func (p *Printer) Print(ctx context.Context, document Job) (string, error) {
	session := p.connect()
	defer session.close()
	if document.Again {
		earlier, err := session.earlier(ctx, document.Name)
		if err != nil {
			return "", err
		}
		if earlier, err = session.wait(ctx, earlier); err != nil || earlier.state == completed {
			return session.describe(earlier), err
		}
	}
	sent, err := session.send(ctx, document)
	if err != nil {
		return "", err
	}
	if sent, err = session.wait(ctx, sent); err == nil {
		err = session.verdict(sent)
	}
	return session.describe(sent), err
}

func (s session) describe(job job) string {
	return fmt.Sprintf("job %d of printer %s", job.id, s.address.name)
}

// wait returns a job when it has ended, at once where there is none. An error means that it has not, or that nobody knows.
func (s session) wait(ctx context.Context, job job) (job, error) {
	for pause := firstPoll; job.id != 0 && !job.ended(); pause = min(2*pause, lastPoll) {
		select {
		case <-ctx.Done():
			return s.abandon(ctx, job)
		case <-time.After(pause):
		}
		now, err := s.job(ctx, job.id)
		if err != nil && ctx.Err() == nil {
			return job, fmt.Errorf("wait for job %d: %w", job.id, err)
		}
		if err == nil {
			job = now
		}
	}
	return job, nil
}

// verdict is what the end of a job is to a delivery.
func (s session) verdict(job job) error {
	reasons := strings.Join(job.reasons, ", ")
	switch {
	case job.state == completed:
		return nil
	case job.state == canceled:
		return consumers.Permanent(fmt.Errorf("%s was cancelled there (%s)", s.describe(job), reasons))
	case slices.ContainsFunc(job.reasons, isDocumentFault):
		return consumers.Permanent(fmt.Errorf("%s: the printer cannot print the document (%s)", s.describe(job), reasons))
	}
	return fmt.Errorf("%s was given up by the printer (%s)", s.describe(job), reasons)
}

// isDocumentFault tells whether a job failed for its document, which will not change (RFC 8011, section 5.3.8).
func isDocumentFault(reason string) bool {
	return slices.Contains([]string{
		"document-format-error", "document-unprintable-error", "unsupported-document-format", "unsupported-compression",
		"compression-error", "conflicting-attributes", "unsupported-attributes-or-values", "document-password-error",
	}, reason)
}

// abandon gives a job up whose time is over: it is cancelled, so that it does not come out as well as the next one. A job
// that turns out to have been printed is no error.
func (s session) abandon(ctx context.Context, job job) (job, error) {
	cause := context.Cause(ctx)
	if errors.Is(cause, consumers.ErrLeaseLost) || errors.Is(cause, consumers.ErrShutdown) {
		return job, fmt.Errorf("%s is left there for the next delivery", s.describe(job))
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer stop()
	trouble := s.trouble(ctx, job)
	cancelled := s.cancel(ctx, job.id)
	now, err := s.job(ctx, job.id)
	switch {
	case err == nil && now.state == completed:
		return now, nil
	case err == nil && now.ended(), cancelled == nil:
		return job, fmt.Errorf("%s: job %d was cancelled", trouble, job.id)
	}
	return job, fmt.Errorf("%s: job %d could not be cancelled: %w", trouble, job.id, cancelled)
}

// trouble says why a job was not printed, as far as the printer says it.
func (s session) trouble(ctx context.Context, job job) string {
	reasons, says, err := s.printer(ctx)
	if err != nil {
		return fmt.Sprintf("printer %s does not answer any more", s.address.name)
	}
	if words := explain(slices.Concat(reasons, job.reasons)); words != "" {
		return fmt.Sprintf("printer %s %s", s.address.name, words)
	}
	late := fmt.Sprintf("printer %s has not printed it in time (%s)", s.address.name, stateNames[job.state])
	if says != "" {
		return fmt.Sprintf("%s and says %.200q", late, says)
	}
	return late
}
