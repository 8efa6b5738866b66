package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

const (
	lease         = 2 * time.Second
	grace         = 5 * time.Second
	timeout       = 3 * time.Second
	maxDeliveries = 8
	concurrency   = 8
	// eventName is the name of every event.
	eventName = "ORDER"
)

func groupNames() []string { return []string{"inventory", "label", "notify"} }

// consumerSpec is what a consumer process is told.
type consumerSpec struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Journal string `json:"journal"`
}

// consume is a consumer process: it runs all groups until ctx ends.
func consume(ctx context.Context, text string) error {
	var spec consumerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fmt.Errorf("read what to consume: %w", err)
	}
	journal, err := openJournal(spec.Journal)
	if err != nil {
		return err
	}
	client, err := stream.Open(stream.Options{URL: spec.URL})
	if err != nil {
		return err
	}
	defer client.Close()
	logging := zap.NewDevelopmentConfig()
	logging.Level.SetLevel(zap.InfoLevel) // the journal says what was handled
	logging.DisableStacktrace = true
	logger, err := logging.Build()
	if err != nil {
		return fmt.Errorf("make a logger: %w", err)
	}
	set, err := consumers.NewSet(client, consumers.Options{Consumer: spec.Name, Lease: lease, Grace: grace, Logger: logger},
		groups(handler{journal})...)
	if err != nil {
		return err
	}
	return set.Run(ctx)
}

func groups(handler consumers.Handler) []consumers.GroupOptions {
	var all []consumers.GroupOptions
	for _, name := range groupNames() {
		all = append(all, consumers.GroupOptions{
			Name: name, Handler: handler, Events: []string{eventName}, Concurrency: concurrency, Timeout: timeout,
			MaxDeliveries: maxDeliveries, From: stream.FromBeginning(),
			Backoff: claim.Backoff{Min: 50 * time.Millisecond, Max: time.Second},
		})
	}
	return all
}
