// Package admin is the HTTP side of a running service: whether it lives, whether it is ready, and its metrics.
package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// DefaultAddr is where the service listens unless told otherwise: on this machine alone.
const DefaultAddr = "127.0.0.1:8080"

// Bounds on one client, so that a slow or hostile one costs no more than its own connection.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second // above metricsTimeout, so that a slow scrape still gets its answer
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// shutdownGrace is how long answers that are being written may take when the service stops.
	shutdownGrace = 3 * time.Second
)

// Options says what the server answers with.
type Options struct {
	// Addr is where to listen, as host:port; "" is DefaultAddr, port 0 is any free one.
	Addr string
	// Token is what a client must send in `Authorization: Bearer ...` for anything but the probes, /livez and /readyz,
	// which a kubelet asks for without one; "": nobody has to.
	Token string
	// Live returns what is wrong with the process itself, where a restart would help; nil: it lives as long as it
	// answers. It must not wait for anything.
	Live func() error
	// Ready returns what keeps the service from handling events; nil: it is always ready. ctx ends after 3 s, or when
	// the client goes away.
	Ready func(ctx context.Context) error
	// Metrics is what /metrics shows; nil: nothing.
	Metrics prometheus.Gatherer
	// Logger takes the server's own errors; nil: nobody does.
	Logger *zap.Logger
}

// Server answers over HTTP. Its methods are called by one goroutine, in the order New, Listen, Serve.
type Server struct {
	options  Options
	http     *http.Server
	listener net.Listener
}

// New returns a server that does nothing yet.
func New(options Options) *Server {
	options.Addr = cmp.Or(options.Addr, DefaultAddr)
	options.Logger = cmp.Or(options.Logger, zap.NewNop())
	if options.Live == nil {
		options.Live = func() error { return nil }
	}
	if options.Ready == nil {
		options.Ready = func(context.Context) error { return nil }
	}
	if options.Metrics == nil {
		options.Metrics = prometheus.NewRegistry()
	}
	// It fails for a level that zap does not know, which this one is not.
	errorLog, _ := zap.NewStdLogAt(options.Logger.Named("http"), zap.WarnLevel)
	s := &Server{options: options}
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
	return s
}

// Listen takes the port, so that a taken one is known before anything else starts. Serve gives it back.
func (s *Server) Listen() error {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", s.options.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen for HTTP on %s: another program has the port: "+
			"set MILLRACE_HTTP_ADDR to a free one, such as 127.0.0.1:8081: %w", s.options.Addr, err)
	}
	if err != nil {
		return fmt.Errorf("listen for HTTP on %s: set MILLRACE_HTTP_ADDR to an address of this machine, such as %s: %w",
			s.options.Addr, DefaultAddr, err)
	}
	s.listener = listener
	if address, isTCP := listener.Addr().(*net.TCPAddr); isTCP && !address.IP.IsLoopback() && s.options.Token == "" {
		s.options.Logger.Info("other machines can read the metrics without a token: MILLRACE_HTTP_TOKEN sets one",
			zap.String("http", s.Addr()))
	}
	return nil
}

// Addr is where the server listens: the address that Listen got, before that the one it was told.
func (s *Server) Addr() string {
	if s.listener == nil {
		return s.options.Addr
	}
	return s.listener.Addr().String()
}

// Serve answers until ctx ends, then lets the answers under way finish for up to 3 s and returns nil. It returns an
// error where Listen was not called, or where the port was lost.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("serve HTTP: Listen was not called")
	}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		s.shutDown(context.WithoutCancel(ctx))
		err = <-served
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", s.Addr(), err)
	}
	return nil
}

// shutDown stops listening and waits for the answers under way; those that outlast the grace are cut off.
func (s *Server) shutDown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownGrace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.options.Logger.Warn("HTTP requests were cut off", zap.Duration("after", shutdownGrace), zap.Error(err))
		_ = s.http.Close()
	}
}
