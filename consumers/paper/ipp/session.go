package ipp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/millrace/millrace/consumers"
)

// The operations that are used here (RFC 8011, section 5.4.15).
const (
	printJob             = 0x0002
	cancelJob            = 0x0008
	getJobAttributes     = 0x0009
	getJobs              = 0x000a
	getPrinterAttributes = 0x000b
)

// session is a connection to the printer, for one document: it is not kept, because a connection that the printer has
// closed in the meantime shows only when a document was sent on it.
type session struct {
	address Address
	user    string
	client  *http.Client
	lastID  *atomic.Uint32
}

func (p *Printer) connect() session {
	transport := &http.Transport{
		TLSClientConfig: p.trusting.Clone(),
		MaxIdleConns:    1,
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return session{p.address, p.user, &http.Client{Transport: transport, CheckRedirect: refuse}, &p.lastID}
}

func (s session) close() { s.client.CloseIdleConnections() }

// ask sends an operation with its attributes and a document, which may be nil, and returns the response when it is a good
// one. The error says which operation it was, and is what it is to a delivery.
func (s session) ask(ctx context.Context, operation uint16, attributes []attribute, document []byte) (message, error) {
	request := message{major: 1, code: operation, id: s.lastID.Add(1) & 0x7fffffff, groups: []group{{
		tag: tagOperation,
		attributes: append([]attribute{
			text(tagCharset, "attributes-charset", "utf-8"),
			text(tagLanguage, "attributes-natural-language", "en"),
			text(tagURI, "printer-uri", s.address.uri),
		}, attributes...),
	}}}
	response, err := s.post(ctx, append(request.encode(), document...))
	switch {
	case ctx.Err() != nil:
		return message{}, fmt.Errorf("printer %s: %w", s.address.name, context.Cause(ctx))
	case err != nil:
		return message{}, fmt.Errorf("printer %s: %w", s.address.name, err)
	case response.code >= firstError:
		return response, judge(response.code, fmt.Errorf("printer %s: %w", s.address.name, &statusError{response.code}))
	case response.id != request.id:
		return message{}, fmt.Errorf("printer %s: its answer is to another request", s.address.name)
	}
	return response, nil
}

// post sends one request over HTTP (RFC 8010, section 4) and reads the whole response.
func (s session) post(ctx context.Context, body []byte) (message, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address.endpoint, bytes.NewReader(body))
	if err != nil {
		return message{}, err
	}
	request.Header.Set("Content-Type", "application/ipp")
	response, err := s.client.Do(request)
	if err != nil {
		return message{}, transportError(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case response.StatusCode != http.StatusOK:
		return message{}, judgeHTTP(response)
	case err != nil:
		return message{}, fmt.Errorf("read its answer: %w", err)
	}
	parsed, err := parse(content)
	if err != nil {
		return message{}, fmt.Errorf("its answer is no IPP: %w", err)
	}
	return parsed, nil
}

// transportError is err without the address, which the printer's name stands for, and with what helps.
func transportError(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if refused := (*tls.CertificateVerificationError)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%w: name the authority of its certificate in ca_file", err)
	}
	return err
}

// printer asks why the printer does not print: the reasons of its state, and what it says to people.
func (s session) printer(ctx context.Context) (reasons []string, says string, err error) {
	response, err := s.ask(ctx, getPrinterAttributes, []attribute{
		text(tagName, "requesting-user-name", s.user),
		text(tagKeyword, "requested-attributes", "printer-state-reasons", "printer-state-message"),
	}, nil)
	if err != nil {
		return nil, "", err
	}
	for _, group := range response.groups {
		if group.tag == tagPrinter {
			reasons = append(reasons, group.texts("printer-state-reasons")...)
			says = strings.Join(group.texts("printer-state-message"), " ")
		}
	}
	return reasons, says, nil
}

// send prints a document by Print-Job, in the first of its formats that the printer takes.
func (s session) send(ctx context.Context, document Job) (job, error) {
	var err error
	for _, format := range document.Formats {
		var response message
		response, err = s.ask(ctx, printJob, []attribute{
			text(tagName, "requesting-user-name", s.user),
			text(tagName, "job-name", document.Name),
			text(tagMimeType, "document-format", format),
		}, document.Content)
		if err == nil {
			return s.accepted(response)
		}
		if !refusesFormat(response) {
			return job{}, err
		}
	}
	return job{}, consumers.Permanent(fmt.Errorf("%w: it takes none of %q", err, document.Formats))
}

// refusesFormat tells whether a response says that the document's format is not supported: by its status, or by naming the
// attribute among those that are not (RFC 8011, section 4.1.7).
func refusesFormat(response message) bool {
	if response.code != statusAttributes {
		return response.code == statusFormat
	}
	return slices.ContainsFunc(response.groups, func(group group) bool {
		return group.tag == tagUnsupported && len(group.find("document-format")) > 0
	})
}

// accepted reads which job a document became.
func (s session) accepted(response message) (job, error) {
	for _, accepted := range jobsOf(response) {
		return accepted, nil
	}
	return job{}, fmt.Errorf("printer %s: it took the document and did not say as which job", s.address.name)
}

// job asks what has become of a job.
func (s session) job(ctx context.Context, id int32) (job, error) {
	response, err := s.ask(ctx, getJobAttributes, []attribute{
		integer("job-id", id),
		text(tagName, "requesting-user-name", s.user),
		text(tagKeyword, "requested-attributes", "job-id", "job-state", "job-state-reasons"),
	}, nil)
	if response.code == statusNotFound {
		return job{}, consumers.Permanent(fmt.Errorf("printer %s: it no longer knows job %d, so nobody can tell whether it was printed: "+
			"look, and let it keep the history of its jobs (PreserveJobHistory in CUPS)", s.address.name, id))
	}
	if err != nil {
		return job{}, err
	}
	for _, found := range jobsOf(response) {
		if found.id == id {
			return found, nil
		}
	}
	return job{}, fmt.Errorf("printer %s: its answer does not say what has become of job %d", s.address.name, id)
}

// earlier looks for a job of a name among those that wait and those that have ended: one that can still be printed comes
// before one that was, and both before one that never will be. None is a job without an ID. It asks for those that wait first:
// one that ends meanwhile is among those that have ended then, where it would else be found in neither, and printed again.
func (s session) earlier(ctx context.Context, name string) (job, error) {
	best := job{}
	for _, which := range []string{"not-completed", "completed"} {
		response, err := s.ask(ctx, getJobs, []attribute{
			text(tagName, "requesting-user-name", s.user),
			text(tagKeyword, "requested-attributes", "job-id", "job-name", "job-state", "job-state-reasons"),
			text(tagKeyword, "which-jobs", which),
			boolean("my-jobs", false),
		}, nil)
		if err != nil {
			return job{}, fmt.Errorf("look for an earlier job: %w", err)
		}
		for _, found := range jobsOf(response) {
			if found.name == name && found.promise() > best.promise() {
				best = found
			}
		}
	}
	return best, nil
}

// cancel takes a job back.
func (s session) cancel(ctx context.Context, id int32) error {
	_, err := s.ask(ctx, cancelJob, []attribute{integer("job-id", id), text(tagName, "requesting-user-name", s.user)}, nil)
	return err
}
