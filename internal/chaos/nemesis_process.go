package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// victim draws the process that is to suffer.
func (w *world) victim() *process {
	drawn := w.fleet.at(w.draw(w.fleet.size()))
	w.logVictim(drawn.name)
	return drawn
}

// killConsumer ends a consumer process by kill -9; a new one takes its place.
type killConsumer struct{}

func (killConsumer) name() string { return "kill" }

func (killConsumer) strike(_ context.Context, w *world) error {
	w.victim().kill()
	return nil
}

// pauseConsumer freezes a consumer process for twice a lease, so that others take over what it holds.
type pauseConsumer struct{}

func (pauseConsumer) name() string { return "pause" }

func (pauseConsumer) strike(ctx context.Context, w *world) error {
	victim := w.victim()
	victim.stop()
	from := time.Now()
	err := rest(ctx, 2*lease)
	w.disturbed.add(victim.name, from, time.Now())
	victim.resume()
	return err
}

// rollingRestart asks one process after the other to end; new ones take their places.
type rollingRestart struct{}

func (rollingRestart) name() string { return "restart" }

func (rollingRestart) strike(_ context.Context, w *world) error {
	for place := range w.fleet.size() {
		if err := w.fleet.at(place).terminate(); err != nil {
			return err
		}
	}
	return nil
}

// deleteDead deletes the names of dead consumers that hold nothing any more, as an operator who cleans up does. To delete
// one that holds something would lose that.
type deleteDead struct{}

func (deleteDead) name() string { return "delete" }

// deleteIdle deletes the consumer ARGV[2] of the group ARGV[1] of KEYS[1] if nothing is pending under its name.
const deleteIdle = `
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 0`

func (deleteDead) strike(ctx context.Context, w *world) error {
	for _, group := range groupNames() {
		consumers, err := w.client.Redis().XInfoConsumers(ctx, w.client.Keys().Stream(), group).Result()
		if err != nil {
			return notFault(err)
		}
		for _, consumer := range consumers {
			if w.fleet.isAlive(consumer.Name) {
				continue
			}
			keys := []string{w.client.Keys().Stream()}
			if err := w.client.Redis().Eval(ctx, deleteIdle, keys, group, consumer.Name).Err(); err != nil {
				return notFault(err)
			}
		}
	}
	return nil
}

// notFault drops an error of Redis: another nemesis may have hold of it.
func notFault(err error) error {
	if errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("the run's own client: %w", err)
	}
	return nil
}

// isAlive tells whether a consumer's name, or one that is reserved, is in use.
func (f *fleet) isAlive(consumer string) bool {
	name, _, isOurs := strings.Cut(consumer, "-")
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, place := range f.places {
		if place.current.name == name {
			return true
		}
	}
	return !isOurs
}
