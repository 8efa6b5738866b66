package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// down is how long a master is silent before it is replaced.
const down = 2 * time.Second

// The scenarios: what happens to the master.
const (
	crash         = "crash"          // kill -9; it comes back as a replica
	machine       = "machine"        // its machine is lost, with all that is on its way to the replicas
	preferred     = "preferred"      // the same, where the sentinels prefer a replica that is behind
	frozen        = "frozen"         // SIGSTOP; it goes on when it has been replaced
	planned       = "planned"        // SENTINEL FAILOVER, though it is well
	clusterCrash  = "cluster-crash"  // kill -9 of a Redis Cluster's; it comes back as a replica
	clusterFrozen = "cluster-frozen" // SIGSTOP of a Redis Cluster's; it goes on when it has been replaced
	slotMove      = "slot"           // another master of a Redis Cluster takes over the stream's slot
)

func scenarioNames() []string {
	return []string{crash, machine, preferred, frozen, planned, clusterCrash, clusterFrozen, slotMove}
}

// deploy starts the servers of a scenario. After an error none is left.
func deploy(ctx context.Context, dir string, settings settings) (deployment, error) {
	var deployed deployment
	var err error
	plain := sentinelSettings{needed: settings.needed}
	delayed := sentinelSettings{needed: settings.needed, lag: settings.lag}
	switch settings.scenario {
	case crash:
		deployed, err = watch(ctx, dir, plain, (*sentinels).kill, (*sentinels).comeBack)
	case machine:
		deployed, err = watch(ctx, dir, delayed, (*sentinels).kill, (*sentinels).comeBack)
	case preferred:
		lagging := sentinelSettings{needed: settings.needed, lag: settings.lag, lagging: true}
		deployed, err = watch(ctx, dir, lagging, (*sentinels).kill, (*sentinels).comeBack)
	case frozen:
		deployed, err = watch(ctx, dir, plain, (*sentinels).freeze, (*sentinels).thaw)
	case planned:
		deployed, err = watch(ctx, dir, plain, (*sentinels).replace, (*sentinels).whole)
	case clusterCrash:
		deployed, err = cluster(ctx, dir, (*nodes).kill, (*nodes).comeBack)
	case clusterFrozen:
		deployed, err = cluster(ctx, dir, (*nodes).freeze, (*nodes).thaw)
	case slotMove:
		deployed, err = cluster(ctx, dir, (*nodes).moveSlot, (*nodes).whole)
	default:
		return nil, fmt.Errorf("scenario %q: expected one of %s", settings.scenario, strings.Join(scenarioNames(), ", "))
	}
	if err != nil {
		return nil, errors.Join(err, deployed.close())
	}
	return deployed, nil
}

// watchedBy is a deployment with sentinels.
type watchedBy struct {
	*sentinels

	blow   func(*sentinels, context.Context) (time.Time, fell, error)
	remedy func(*sentinels, context.Context) error
}

func watch(
	ctx context.Context, dir string, settings sentinelSettings,
	blow func(*sentinels, context.Context) (time.Time, fell, error), remedy func(*sentinels, context.Context) error,
) (watchedBy, error) {
	s, err := startSentinels(ctx, dir, settings)
	return watchedBy{s, blow, remedy}, err
}

func (w watchedBy) strike(ctx context.Context) (time.Time, fell, error) {
	return w.blow(w.sentinels, ctx)
}

func (w watchedBy) mend(ctx context.Context) error { return w.remedy(w.sentinels, ctx) }

// clustered is a deployment of a Redis Cluster.
type clustered struct {
	*nodes

	blow   func(*nodes, context.Context) (time.Time, fell, error)
	remedy func(*nodes, context.Context) error
}

func cluster(
	ctx context.Context, dir string,
	blow func(*nodes, context.Context) (time.Time, fell, error), remedy func(*nodes, context.Context) error,
) (clustered, error) {
	n, err := startNodes(ctx, dir)
	return clustered{n, blow, remedy}, err
}

func (c clustered) strike(ctx context.Context) (time.Time, fell, error) { return c.blow(c.nodes, ctx) }

func (c clustered) mend(ctx context.Context) error { return c.remedy(c.nodes, ctx) }
