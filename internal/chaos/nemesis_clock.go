package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// jumpClock sets the clock of Redis ahead or back by up to three hours, or a few minutes, and right again later.
type jumpClock struct{}

func (jumpClock) name() string { return "clock" }

func (jumpClock) missing(dir string) string {
	if _, err := breakable.NewClock(dir); err != nil {
		return err.Error()
	}
	return ""
}

func (jumpClock) prepare(w *world) (err error) {
	if w.clock, err = breakable.NewClock(w.settings.dir); err != nil {
		return err
	}
	w.environment = append(w.environment, w.clock.Environment()...)
	return nil
}

// setClock makes the clock of Redis wrong by so much from now on. All leases may look ended thereby, until their owners
// renew them: it is as if every consumer had been silent for a lease.
func (w *world) setClock(wrong time.Duration) error {
	now := time.Now()
	w.disturbed.add("", now, now.Add(lease))
	return w.clock.Set(wrong)
}

func (jumpClock) strike(ctx context.Context, w *world) error {
	wrong := time.Duration(1+w.draw(180)) * time.Minute
	if w.draw(2) == 0 {
		wrong = time.Duration(1+w.draw(600)) * time.Second
	}
	if w.draw(2) == 0 {
		wrong = -wrong
	}
	before, err := w.client.Redis().Time(ctx).Result()
	err = errors.Join(notFault(err), w.setClock(wrong))
	if after, asked := w.client.Redis().Time(ctx).Result(); err == nil && asked == nil && !before.IsZero() {
		if off := after.Sub(before) - wrong; off.Abs() > 30*time.Second {
			err = fmt.Errorf("the clock of Redis went from %v to %v, want it to jump by %v", before, after, wrong)
		}
	}
	return errors.Join(err, rest(ctx, time.Duration(1+w.draw(int(2*lease)))), w.setClock(0))
}
