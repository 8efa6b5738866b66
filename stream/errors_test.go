package stream

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/redistest"
)

// TestPublishWaitsForReplicas publishes to a master that refuses writes until it has a replica, as the new master of a
// failover does for a moment where min-replicas-to-write is set.
func TestPublishWaitsForReplicas(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--min-replicas-to-write", "1")
	client := open(t, server.URL())
	event := Event{Name: "E", ID: "1"}
	_, err := client.publishOnce(t.Context(), &event, Encode(event), PublishOptions{})
	if err == nil || IsRefusal(err) || !strings.Contains(explain(err).Error(), "min-replicas-to-write") {
		t.Errorf("publish without replicas: error %v, want one that passes and names the setting", explain(err))
	}
	refusals := func() string { return server.CLI("info", "errorstats") }
	before := refusals()
	published := make(chan error)
	go func() {
		_, err := client.Publish(t.Context(), event, PublishOptions{})
		published <- err
	}()
	await(t, "the publish is refused", func() bool { return refusals() != before })
	server.CLI("config", "set", "min-replicas-to-write", "0")
	if err := <-published; err != nil {
		t.Errorf("Publish, refused at first for want of replicas: %v", err)
	}
}
