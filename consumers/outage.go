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
	failing map[failure]bool
	since   time.Time
	logged  time.Time // the last line about a loss
}

// failure is one kind of a group's work that cannot be done.
type failure struct{ group, work string }

func newOutage(log *zap.Logger) *outage { return &outage{log: log, failing: map[failure]bool{}} }

// failed notes that a group cannot do its work, such as reading.
func (o *outage) failed(group, work string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failing) == 0 {
		o.since = time.Now()
	}
	o.failing[failure{group, work}] = true
	if time.Since(o.logged) < outageLine {
		return
	}
	o.logged = time.Now()
	o.log.Error("cannot work with Redis: trying again until it answers", zap.String("group", group),
		zap.String("work", work), zap.Duration("for", time.Since(o.since).Round(time.Second)), zap.Error(err))
}

// over notes that a group can do its work again.
func (o *outage) over(group, work string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.failing[failure{group, work}] {
		return
	}
	if delete(o.failing, failure{group, work}); len(o.failing) > 0 || o.logged.Before(o.since) {
		return
	}
	o.log.Info("Redis is back: every group works again",
		zap.Duration("after", time.Since(o.since).Round(time.Millisecond)))
}
