package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// Handler posts events to one endpoint. It is safe for concurrent use.
type Handler struct {
	url     *url.URL
	place   string      // the endpoint in errors: what of the URL is no secret
	header  http.Header // what every request carries
	source  string
	keys    [][]byte
	body    *template // nil: the event's data
	expect  string
	hiding  *strings.Replacer // of what an answer repeats
	client  *http.Transport
	closing context.Context
	close   context.CancelFunc
	now     func() time.Time
}

var _ consumers.Handler = (*Handler)(nil)

// New returns a handler that posts each event. The error tells of every option that cannot be used. Nothing is dialled before
// the first event. Whoever has made it closes it.
func New(o Options) (*Handler, error) {
	o = o.withDefaults()
	keys, keysErr := parseSecrets(o.Secrets)
	body, bodyErr := newTemplate(o.Body, o.ContentType)
	tlsConfig, caErr := remote.Trusting(o.CA)
	faults := errors.Join(o.validate(), in("secret", keysErr), in("body", bodyErr), in("ca_file", caErr))
	if faults != nil {
		return nil, fmt.Errorf("webhook: %w", faults)
	}
	parsed, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("webhook: url: expected a URL") // CheckURL has read it
	}
	h := &Handler{
		url: parsed, place: parsed.Scheme + "://" + parsed.Host, header: fixedHeaders(o), source: o.Source,
		keys: keys, body: body, expect: o.Expect, hiding: hiding(parsed, o.Token), now: time.Now,
	}
	h.closing, h.close = context.WithCancel(context.Background())
	h.client = newTransport(h.closing, tlsConfig, o.Concurrency)
	return h, nil
}

// fixedHeaders are those that are the same in every request.
func fixedHeaders(o Options) http.Header {
	header := http.Header{}
	header.Set("User-Agent", "millrace")
	for name, value := range o.Headers {
		header.Set(name, value)
	}
	if o.Token != "" {
		header.Set("Authorization", "Bearer "+o.Token)
	}
	return header
}

// Handle posts the event and waits for the answer, which becomes the delivery's Result. A failure of the connection is worth
// another try; the status decides about the rest, and an event of which the template can make nothing is permanent.
func (h *Handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	request, err := h.request(ctx, delivery)
	if err != nil {
		return consumers.Permanent(fmt.Errorf("make the body for %s: %w", h.place, err))
	}
	answer, err := h.exchange(request)
	if err == nil {
		err = h.verdict(answer)
	}
	if err != nil {
		return fmt.Errorf("post to %s: %w", h.place, err)
	}
	delivery.Result = answer.Result()
	return nil
}

// verdict follows from the status, and for success from what the answer says as well.
func (h *Handler) verdict(answer remote.Answer) error {
	if err := answer.Err(h.now()); err != nil {
		return err
	}
	if !bytes.Contains(answer.Body, []byte(h.expect)) {
		return fmt.Errorf("answered %d without %.80q: %s", answer.Status, h.expect, answer.Quote())
	}
	return nil
}

// exchange sends the request and reads the answer. The transport is asked directly: it follows no redirects.
func (h *Handler) exchange(request *http.Request) (remote.Answer, error) {
	response, err := h.client.RoundTrip(request)
	if err != nil {
		return remote.Answer{}, explain(request.Context(), err)
	}
	answer, err := read(response)
	if err != nil {
		return remote.Answer{}, explain(request.Context(), err)
	}
	answer.Hiding = h.hiding
	return answer, nil
}

// explain says why an exchange failed: of a context that has ended, the cause.
func explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no whole answer in time: %w", context.Cause(ctx))
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the connection was closed without an answer: %w", err)
	}
	return err
}

// Close ends every connection, and handlings that still wait for one with an error. It does not wait for them.
func (h *Handler) Close() error {
	h.close()
	h.client.CloseIdleConnections()
	return nil
}
