package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	gomail "github.com/wneessen/go-mail"
	"go.uber.org/zap"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/render"
	"github.com/millrace/millrace/stream"
)

const (
	// DefaultSentKey begins the keys of the markers where none is configured.
	DefaultSentKey = "mail"
	// DefaultKeep is how long it is remembered that a mail was sent where nothing is configured.
	DefaultKeep = 30 * 24 * time.Hour
	// DefaultAttachDir is where attached files are looked for unless Options.AttachDir says otherwise: where the kinds that
	// print put them.
	DefaultAttachDir = "printed"
)

// Options says which mail is sent, to whom and through which server. Subject, Text, HTML, To and Attach are templates over a
// View.
type Options struct {
	// Redis is where it is noted which mails were sent. Required. The caller closes it, after the handler's last call.
	Redis redis.UniversalClient
	// Logger is where a mail is named that was sent and could not be noted; nil means nowhere.
	Logger *zap.Logger

	// SMTP is the server that mails are handed in to: smtp://host:587 or smtps://host:465. Required.
	SMTP string
	// TLS is how a connection to smtp:// is encrypted: TLSStartTLS or TLSNone. "" means TLSStartTLS, and TLSNone where the
	// server is on this machine's loopback address.
	TLS string
	// CAFile holds, in PEM form, the certificate authorities that are trusted in place of the machine's; "" means the latter.
	CAFile string
	// User and Password sign in to the server; "" means not to. A password is refused where it could be read on its way.
	User, Password string

	// From is the sender's address, with or without a name. Required.
	From string
	// To is whom the mail goes to, each template one address; nil means the customer's e-mail in the order.
	To []string
	// Subject is one line; line breaks in it become spaces. "" means that of an order's confirmation.
	Subject string
	// Text and HTML are the mail's bodies. Where both are "" they are those of an order's confirmation.
	Text, HTML string
	// Attach names files below AttachDir. One that is missing makes the event wait for its next try; "" adds nothing.
	Attach []string
	// AttachDir is the directory of the files; "" means DefaultAttachDir, in the working directory.
	AttachDir string

	// SentKey begins the keys of the markers, as in `{mail}:sent:<group>:<event>:<event_id>`; "" means DefaultSentKey. It is
	// named as a stream is.
	SentKey string
	// Keep is how long a mail is remembered as sent, in whole milliseconds; zero means DefaultKeep. It must be longer than
	// events are retried and replayed.
	Keep time.Duration
}

// handler sends mails.
type handler struct {
	pool      *pool
	markers   *markers
	logger    *zap.Logger
	from      *mail.Address
	to        []render.Template
	subject   render.Template
	bodies    []body
	attach    []render.Template
	attachDir string
}

// body is one form of a mail's text.
type body struct {
	name        string
	contentType gomail.ContentType
	template    render.Template
}

// New returns a handler that sends a mail for each event and leaves its Message-ID as the delivery's result. It is an
// io.Closer, which ends the connections to the server; it is closed after its last call. An error names every option that
// cannot be used. Nothing is dialed before the first event.
func New(o Options) (consumers.Handler, error) {
	made, faults := o.make()
	if o.Redis == nil {
		faults = append(faults, Fault{"redis", "expected a client"})
	}
	if (o.User == "") != (o.Password == "") {
		faults = append(faults, Fault{"password", "expected a user and a password, or neither"})
	}
	if err := made.pool.server.trust(o.CAFile); err != nil {
		faults = append(faults, Fault{"ca_file", err.Error()})
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("notify: %w", errors.Join(asErrors(faults)...))
	}
	made.markers.redis = o.Redis
	made.logger = cmp.Or(o.Logger, zap.NewNop())
	made.pool.server.user, made.pool.server.password = o.User, o.Password
	made.pool.server.hello = hostName()
	return made, nil
}

// hostName is what this machine calls itself to servers.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// newMarkers keeps markers below a key.
func newMarkers(key string, keep time.Duration) (*markers, error) {
	keys, err := stream.NewKeys(key)
	return &markers{
		keys: keys, keep: keep, claim: redis.NewScript(claimSource), settle: redis.NewScript(settleSource),
	}, err
}

// Handle sends the event's mail, unless it was sent already. What could not be sent is tried again, or never will be: see
// the package comment.
func (h *handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	claimed, sent, err := h.markers.begin(ctx, delivery)
	if err != nil {
		return err
	}
	if sent != "" {
		delivery.Result = []byte(sent)
		return nil
	}
	id := messageID(delivery, h.from)
	if err := h.deliver(ctx, delivery, id); err != nil {
		// Where this fails too the claim ends by itself.
		_ = claimed.end(ctx, "")
		return err
	}
	id = "<" + id + ">"
	if err := claimed.end(ctx, id); err != nil {
		// An error would have the mail sent again.
		h.logger.Warn("a mail was sent and could not be noted as sent: another delivery of its event would send it again",
			zap.String("message_id", id), zap.Error(err))
	}
	delivery.Result = []byte(id)
	return nil
}

// deliver composes the mail and hands it in.
func (h *handler) deliver(ctx context.Context, delivery *consumers.Delivery, id string) error {
	mail, err := h.compose(delivery, id)
	if err != nil {
		return err
	}
	if err := h.pool.send(ctx, mail); err != nil {
		return h.pool.server.verdict(err, mail)
	}
	return nil
}

// Close ends the connections to the server and waits for that, a few seconds at most.
func (h *handler) Close() error {
	h.pool.close()
	return nil
}
