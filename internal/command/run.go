package command

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/inventory"
	"github.com/millrace/millrace/internal/admin"
	"github.com/millrace/millrace/internal/catalog"
	"github.com/millrace/millrace/internal/embedded"
	"github.com/millrace/millrace/stream"
)

const runHelp = `Runs the handlers, or only those that are named, until it is told to stop (Ctrl-C, SIGTERM). Handlers that
have begun are then waited for, MILLRACE_SHUTDOWN_GRACE at most; what has not begun goes back at once.

It waits for a Redis that does not answer, and goes on by itself after an outage.`

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "run [HANDLER...]",
		Short:   "Run all handlers, or those that are named",
		Long:    runHelp,
		Example: "  millrace run\n  millrace run print_label",
		RunE:    func(command *cobra.Command, args []string) error { return p.serve(command.Context(), args) },
	}
}

// service is what runs: its parts, from the first that starts to the last.
type service struct {
	*program
	config   Config
	handlers handlers
	embedded *embedded.Server // nil where Redis is configured
	client   *stream.Client
	metrics  *prometheus.Registry
	feed     *feed // nil where nobody watches
	groups   []consumers.GroupOptions
	set      *consumers.Set
	admin    *admin.Server
}

// serve runs handlers until ctx ends. It is straight-line, since each part needs the ones before it; nothing is handled
// before all of them stand.
func (p *program) serve(ctx context.Context, names []string) (err error) {
	s := &service{program: p}
	if s.config, err = p.config(); err != nil {
		return err
	}
	if s.handlers, err = readHandlers(s.config, names); err != nil {
		return err
	}
	for _, warning := range p.Warnings {
		p.Logger.Warn("configuration: " + warning)
	}
	defer func() { err = errors.Join(err, s.closeRedis()) }()
	if err := s.openRedis(ctx); err != nil {
		return err
	}
	if s.embedded != nil || isTerminal(p.Stdout) {
		s.feed = startFeed(p.Stdout, s.handlers.Names())
		defer s.feed.close()
	}
	defer func() { err = errors.Join(err, catalog.Close(s.groups)) }()
	if err := s.makeSet(); err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	s.announce()
	return s.work(ctx)
}

// openRedis makes the client, and before it the server where none is configured.
func (s *service) openRedis(ctx context.Context) (err error) {
	url := s.config.RedisURL
	if url == "" {
		if s.embedded, err = s.startEmbedded(); err != nil {
			return err
		}
		url = s.embedded.URL()
	}
	if s.client, err = stream.Open(stream.Options{URL: url, Stream: s.config.Stream}); err != nil {
		return &usageError{err}
	}
	if s.embedded != nil && s.handlers.hasKind("inventory") {
		_, err = embedded.SeedStock(ctx, s.client.Redis(), inventory.DefaultStockKey, embedded.DemoStock())
	}
	return err
}

func (s *service) startEmbedded() (*embedded.Server, error) {
	server, err := embedded.Start(embedded.Options{
		Addr:    s.config.EmbeddedAddr,
		Stream:  s.config.Stream,
		Scripts: slices.Concat(stream.ScriptTexts(), catalog.ScriptTexts()),
		Logger:  s.Logger.Named("embedded"),
	})
	if err != nil {
		return nil, err
	}
	s.Logger.Warn("MILLRACE_REDIS_URL is not set: events are kept in memory only, for trying out; everything is gone when "+
		"this stops", zap.String("redis", server.URL()))
	return server, nil
}

func (s *service) closeRedis() error {
	var faults []error
	if s.client != nil {
		faults = append(faults, s.client.Close())
	}
	if s.embedded != nil {
		faults = append(faults, s.embedded.Close())
	}
	return errors.Join(faults...)
}

func (s *service) makeSet() error {
	groups, err := s.handlers.Build(s.dependencies(s.client))
	if err != nil {
		return &usageError{err}
	}
	s.groups = groups
	s.metrics = prometheus.NewRegistry()
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newGauges(s.client.Inspect, s.Logger))
	options := consumers.Options{
		Consumer:  s.config.Consumer,
		Lease:     s.config.Lease,
		Grace:     s.config.ShutdownGrace,
		HeldBytes: s.config.HeldBytes,
		Retention: s.config.Retention,
		Logger:    s.Logger,
		Metrics:   consumers.NewMetrics(s.metrics),
	}
	if s.feed != nil {
		options.Observe = s.feed.outcome
	}
	if s.sharesTerminal() {
		options.Logger = s.Logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return withoutOutcomes{core} }))
	}
	if s.set, err = consumers.NewSet(s.client, options, groups...); err != nil {
		return &usageError{err}
	}
	return nil
}

// sharesTerminal tells whether log and feed are read by the same person, who wants to read everything once.
func (s *service) sharesTerminal() bool { return s.feed != nil && isTerminal(s.Stderr) }

// listen takes the port for health and metrics. A service that has been told to stop is not ready any more.
func (s *service) listen(ctx context.Context) error {
	s.admin = admin.New(admin.Options{
		Addr:  s.config.HTTPAddr,
		Token: s.config.HTTPToken,
		Live:  s.set.Live,
		Ready: func(context.Context) error {
			if ctx.Err() != nil {
				return errors.New("stopping")
			}
			return s.set.Ready()
		},
		Metrics: s.metrics,
		Logger:  s.Logger,
	})
	return s.admin.Listen()
}

// work runs the handlers until ctx ends, or until HTTP cannot be served any more. HTTP is served to the very end.
func (s *service) work(ctx context.Context) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() {
		served <- s.admin.Serve(serving)
		stop()
	}()
	noticed := make(chan struct{})
	context.AfterFunc(working, func() {
		s.announceStop()
		close(noticed)
	})
	err := s.set.Run(working)
	stopServing()
	err = errors.Join(err, <-served)
	stop()
	<-noticed
	return err
}
