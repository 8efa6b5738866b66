package consumers

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// outageLine is how often an outage is mentioned again while it lasts.
const outageLine = time.Minute

// outage turns the errors of all groups into one line when Redis is lost and one when it is back: with thirty groups in a
// process, nobody wants to read thirty times that Redis is down.
type outage struct {
	log *zap.Logger

	mu      sync.Mutex
	failing map[string]bool // by group
	since   time.Time
	logged  time.Time // the last line about a loss
}

func newOutage(log *zap.Logger) *outage { return &outage{log: log, failing: map[string]bool{}} }

// failed notes that a group cannot work.
func (o *outage) failed(group string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failing) == 0 {
		o.since = time.Now()
	}
	o.failing[group] = true
	if time.Since(o.logged) < outageLine {
		return
	}
	o.logged = time.Now()
	o.log.Error("cannot work with Redis: trying again until it answers",
		zap.String("group", group), zap.Duration("for", time.Since(o.since).Round(time.Second)), zap.Error(err))
}

// over notes that a group works again.
func (o *outage) over(group string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.failing[group] {
		return
	}
	if delete(o.failing, group); len(o.failing) > 0 || o.logged.Before(o.since) {
		return
	}
	o.log.Info("Redis is back: every group works again",
		zap.Duration("after", time.Since(o.since).Round(time.Millisecond)))
}
