package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/php"
	"github.com/millrace/millrace/bench/internal/service"
	"github.com/millrace/millrace/bench/internal/system"
)

// phpHost is a handler that is ready to be handed events.
type phpHost interface {
	// handlers is the handlers file that has the program hand them over.
	handlers(target system.Target) string
	// end ends it, and tells what it has seen of so many events and the processor time of what the program has not started.
	end(events int) ([]check.Account, time.Duration, error)
}

// phpCommand is a handler that the program starts.
type phpCommand struct {
	handler *php.Handler
	program string
	mode    string
}

func startOneShot(_ context.Context, source string, _ int) (phpHost, error) {
	return newPHPCommand(source, "once")
}

func startPersistent(_ context.Context, source string, _ int) (phpHost, error) {
	return newPHPCommand(source, "persistent")
}

func newPHPCommand(source, mode string) (phpHost, error) {
	program, err := php.FindCLI()
	if err != nil {
		return nil, err
	}
	handler, err := php.NewHandler(source)
	if err != nil {
		return nil, err
	}
	return &phpCommand{handler: handler, program: program, mode: mode}, nil
}

func (c *phpCommand) handlers(target system.Target) string {
	return service.Kind(target, "command", fmt.Sprintf("argv: [%q, %q], mode: %s", c.program, c.handler.Script(), c.mode))
}

func (c *phpCommand) end(events int) ([]check.Account, time.Duration, error) {
	accounts, err := c.handler.Account(events)
	return accounts, 0, errors.Join(err, c.handler.Remove())
}

// phpServed is a handler behind a server of PHP's.
type phpServed struct {
	handler *php.Handler
	server  *php.Server
	kind    string
	options string
}

func startFastCGI(ctx context.Context, source string, atOnce int) (phpHost, error) {
	served, err := serve(ctx, source, atOnce, php.StartFPM)
	if err != nil {
		return nil, err
	}
	served.kind = "fastcgi"
	served.options = fmt.Sprintf("address: %q, script: %q", "unix:"+served.server.Address(), served.handler.Script())
	return served, nil
}

func startWebhook(ctx context.Context, source string, atOnce int) (phpHost, error) {
	served, err := serve(ctx, source, atOnce, php.StartBuiltIn)
	if err != nil {
		return nil, err
	}
	served.kind, served.options = "webhook", webhookTo(served.server.Address())
	return served, nil
}

// serve puts the handler behind a server that start starts.
func serve(
	ctx context.Context, source string, atOnce int,
	start func(ctx context.Context, handler *php.Handler, processes int) (*php.Server, error),
) (*phpServed, error) {
	handler, err := php.NewHandler(source)
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, handler, atOnce)
	if err != nil {
		return nil, errors.Join(err, handler.Remove())
	}
	return &phpServed{handler: handler, server: server}, nil
}

func webhookTo(address string) string { return fmt.Sprintf("url: %q", "http://"+address+"/") }

func (s *phpServed) handlers(target system.Target) string {
	return service.Kind(target, s.kind, s.options)
}

func (s *phpServed) end(events int) ([]check.Account, time.Duration, error) {
	used, stopErr := s.server.Stop()
	accounts, err := s.handler.Account(events)
	return accounts, used, errors.Join(stopErr, err, s.handler.Remove())
}

// receiver is a web server in this process, which notes the IDs of the events and does nothing else.
type receiver struct {
	server  http.Server
	address string
	ended   chan error

	mu  sync.Mutex
	ids []string
}

func startWithoutPHP(ctx context.Context, _ string, _ int) (phpHost, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	r := &receiver{address: listener.Addr().String(), ended: make(chan error, 1)}
	r.server.Handler = r
	go func() { r.ended <- r.server.Serve(listener) }()
	return r, nil
}

// ServeHTTP takes an event.
func (r *receiver) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, request.Header.Get("Ce-Id"))
}

func (r *receiver) handlers(target system.Target) string {
	return service.Kind(target, "webhook", webhookTo(r.address))
}

func (r *receiver) end(events int) ([]check.Account, time.Duration, error) {
	err := r.server.Close()
	if ended := <-r.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	seen := check.New(1, events)
	for _, id := range r.ids {
		event := order.Event{}
		err = errors.Join(err, event.SetID(id))
		seen.Saw(0, event.Sequence)
	}
	return seen.Account(), 0, err
}
