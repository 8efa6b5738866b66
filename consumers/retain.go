package consumers

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

const (
	// trimInterval is how often finished events are removed.
	trimInterval = time.Minute
	// unseenAfter is how long nobody may have worked for a group before that is worth a line.
	unseenAfter = 5 * time.Minute
)

// retain removes what every group has finished and is older than the retention, until ctx ends.
func (s *Set) retain(ctx context.Context) {
	if s.options.Retention == 0 {
		return
	}
	reported := ""
	for {
		sleep(ctx, time.Duration(float64(trimInterval)*(0.9+0.2*rand.Float64())))
		if ctx.Err() != nil {
			return
		}
		trimmed, err := s.client.Trim(ctx, s.options.Retention, false)
		if err != nil {
			s.log.Debug("could not trim", zap.Error(err)) // the groups report the outage
			continue
		}
		s.options.Metrics.trimmed.Add(float64(trimmed.Removed))
		if holder := abandonedHolder(trimmed.HeldBackBy, time.Now()); holder.Group != reported {
			reported = holder.Group
			s.reportHolder(holder)
		}
	}
}

// abandonedHolder is the first group that holds the trim back and that nobody runs; the zero HoldBack where there is none.
func abandonedHolder(holders []stream.HoldBack, now time.Time) stream.HoldBack {
	at := slices.IndexFunc(holders, func(holder stream.HoldBack) bool { return now.Sub(holder.Seen) > unseenAfter })
	if at < 0 {
		return stream.HoldBack{}
	}
	return holders[at]
}

func (s *Set) reportHolder(holder stream.HoldBack) {
	if holder.Group == "" {
		s.log.Info("no abandoned group holds back the trim any more")
		return
	}
	s.log.Warn("nobody runs this group, and it keeps old events from being removed: run its handler again, or end it with `millrace groups rm`",
		zap.String("group", holder.Group), zap.Time("seen", holder.Seen), zap.Time("needs_since", holder.Since))
}
