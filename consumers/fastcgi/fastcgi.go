package fastcgi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// Options says which script runs, and where. Zero values are the defaults.
type Options struct {
	// Address is where the server listens: `unix:/run/php/php8.2-fpm.sock` or `127.0.0.1:9000`. Required.
	Address string
	// Script is the absolute path of the script, as the server sees it. Required.
	Script string
	// Source is the ce-source of events that bring none of their own; "" is remote.DefaultSource.
	Source string
}

// Handler runs a script for each event. It is safe for concurrent use.
type Handler struct {
	pool   *pool
	place  string // script and address, in errors
	script string
	source string
	now    func() time.Time
}

var _ consumers.Handler = (*Handler)(nil)

// New returns a handler that runs the script for each event. The error tells of every option that cannot be used. Nothing is
// dialled before the first event. Whoever has made it closes it.
func New(o Options) (*Handler, error) {
	var faults []error
	if err := CheckAddress(o.Address); err != nil {
		faults = append(faults, fmt.Errorf("address: %w", err))
	}
	if err := CheckScript(o.Script); err != nil {
		faults = append(faults, fmt.Errorf("script: %w", err))
	}
	if err := remote.CheckSource(cmp.Or(o.Source, remote.DefaultSource)); err != nil {
		faults = append(faults, fmt.Errorf("source: %w", err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("fastcgi: %w", err)
	}
	network, address := split(o.Address)
	return &Handler{
		pool: newPool(network, address), place: o.Script + " at " + o.Address, script: o.Script, source: o.Source, now: time.Now,
	}, nil
}

// split parts an address into what a dialer takes.
func split(address string) (network, place string) {
	if socket, isSocket := strings.CutPrefix(address, "unix:"); isSocket {
		return "unix", socket
	}
	return "tcp", address
}

// CheckAddress says what is wrong with the address of a server, or nil.
func CheckAddress(text string) error {
	network, address := split(text)
	host, port, err := net.SplitHostPort(address)
	switch {
	case network == "unix" && strings.HasPrefix(address, "/") && !strings.Contains(address, "\x00") && len(address) < 108:
		return nil
	case network == "tcp" && err == nil && host != "" && port != "" && !strings.ContainsAny(address, "/ \x00"):
		return nil
	}
	return fmt.Errorf("expected unix: and a path, such as unix:/run/php/php8.2-fpm.sock, or host and port, such as "+
		"127.0.0.1:9000, got %.120q", text)
}

// CheckScript says what is wrong with the path of a script, or nil. Whether there is one only the server can tell.
func CheckScript(text string) error {
	if !path.IsAbs(text) || path.Clean(text) != text || text == "/" || strings.Contains(text, "\x00") {
		return fmt.Errorf("expected the absolute path of a script, such as /srv/shop/points.php, got %.120q", text)
	}
	return nil
}

// Handle runs the script and waits for its answer, whose text becomes the delivery's Result. A failure of the connection is worth
// another try; the status decides about the rest.
func (h *Handler) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	got, err := h.ask(ctx, h.request(delivery))
	if err == nil {
		err = got.verdict(h.now())
	} else if reported := remote.Quote([]byte(got.errors)); reported != "" {
		err = fmt.Errorf("%s: %w", reported, err)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", h.place, err)
	}
	delivery.Result = got.Result()
	return nil
}

// verdict follows from the status, and from what PHP reports of a script that has failed although its status says otherwise.
func (a answer) verdict(now time.Time) error {
	if a.errors != "" {
		a.Body = []byte(a.errors + "\n" + string(a.Body))
	}
	if err := a.Err(now); err != nil {
		return err
	}
	if strings.Contains(a.errors, "PHP Fatal error: ") {
		return fmt.Errorf("answered %d, but the script has failed: %s", a.Status, remote.Quote([]byte(a.errors)))
	}
	return nil
}

// ask sends the request over an idle connection, if there is one. That may have died with the process at its other end: where
// nothing has come back, the request goes over a new one.
func (h *Handler) ask(ctx context.Context, request []byte) (answer, error) {
	if conn := h.pool.takeIdle(); conn != nil {
		got, answered, err := h.askOver(ctx, conn, request)
		if err == nil || answered || ctx.Err() != nil {
			return got, explain(ctx, err)
		}
	}
	conn, err := h.pool.dial(ctx)
	if err != nil {
		return answer{}, explain(ctx, err)
	}
	got, _, err := h.askOver(ctx, conn, request)
	return got, explain(ctx, err)
}

// askOver sends the request over one connection, which it gives back or ends.
func (h *Handler) askOver(ctx context.Context, conn *connection, request []byte) (got answer, answered bool, err error) {
	got, answered, reusable, err := conn.exchange(ctx, request)
	if reusable {
		h.pool.put(conn)
	} else {
		h.pool.drop(conn)
	}
	return got, answered, err
}

// explain says why there is no answer: of a context that has ended, the cause.
func explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("no whole answer in time: %w", context.Cause(ctx))
}

// Close ends every connection, and handlings that wait for an answer with an error. It does not wait for them.
func (h *Handler) Close() error {
	h.pool.close()
	return nil
}
