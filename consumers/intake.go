package consumers

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

const (
	// patience is how long the intake waits for a free slot before it shows that it is alive.
	patience = time.Second
	// readPauseMin and readPauseMax bound the pause after a read that failed.
	readPauseMin = 100 * time.Millisecond
	readPauseMax = time.Second
	// orphansLine is how often a line says that what a dead process held was taken over.
	orphansLine = 10 * time.Second
	// suspectsTurn is how long suspects are started one after the other before something is read again: nothing else may be
	// in hand beside them, and emptying the hands for each of them anew would take far longer.
	suspectsTurn = 250 * time.Millisecond
)

// intake is the one door through which deliveries come in: it takes a slot before it takes work, sweeps when that is due,
// reads otherwise, and hands over to the workers. It returns when ctx has ended.
func (r *runner) intake(ctx context.Context) {
	pause := readPauseMin
	for ctx.Err() == nil {
		room := r.slots.wait(ctx, patience)
		r.health.intake.beat()
		if room == 0 {
			continue
		}
		if r.slots.full(r.leases.InHand()) {
			r.awaitRoom(ctx)
			continue
		}
		adopting := r.mayHaveLost.Load() // which says nothing of whether reading works
		err := r.takeIn(ctx, room)
		if ctx.Err() != nil {
			return // whatever failed now failed because of it; leaving looks for what a read may have brought
		}
		if err == nil && adopting {
			continue
		}
		r.health.read(err)
		if err == nil {
			r.tell("reading", nil)
			pause = readPauseMin
			continue
		}
		r.makeGood(ctx, err)
		sleep(ctx, time.Duration(float64(pause)*(0.5+rand.Float64()/2)))
		pause = min(2*pause, readPauseMax)
	}
}

// takeIn sweeps if that is due, and reads into the room that is left. A sweep takes half the slots at most and has every
// other turn, so that old failures do not keep new events waiting.
func (r *runner) takeIn(ctx context.Context, room int) error {
	if r.mayHaveLost.Load() {
		return r.adopt(ctx, room) // what comes of it takes slots: ask for them anew
	}
	sweepNow := r.sweeper.Wait(time.Now()) <= 0 && !r.readNext
	r.readNext = sweepNow
	if sweepNow {
		taken, err := r.sweep(ctx, (room+1)/2) // sets readNext back where the next turn must be a sweep's too
		if err != nil {
			return err
		}
		if r.isSuspect(taken) && r.suspectsGoOn(time.Now()) {
			r.readNext = false
		}
		if !r.readNext {
			return nil // the hands were emptied for a suspect: filling them now would keep it out for ever
		}
		room -= len(taken)
		r.readNext = r.readNext && len(taken) > 0
	}
	if room <= 0 || r.slots.full(r.leases.InHand()) || ctx.Err() != nil {
		return nil
	}
	r.suspectsSince = time.Time{}
	return r.read(ctx, room)
}

// read reads into so many slots.
func (r *runner) read(ctx context.Context, room int) error {
	asked, block := time.Now(), r.block()
	deliveries, over, err := r.reader.Read(ctx, r.room(r.slots.reach(room)), block)
	if err != nil {
		return err
	}
	if time.Since(asked) > block+r.group.Lease()/2 {
		r.sweeper.Interrupted() // Redis stood still, and has not heard the owners either
	}
	if len(deliveries) == 0 {
		r.spare.drop() // an idle group keeps nothing in memory
		r.decoder = stream.Decoder{DecodeOptions: r.decoder.DecodeOptions}
	}
	return errors.Join(r.admit(ctx, deliveries, room), r.handBackOver(ctx, over))
}

// room is how much to take in for so many slots.
func (r *runner) room(slots int) stream.Room {
	_, bytes := r.leases.InHand()
	return r.slots.room(slots, bytes)
}

// handBackOver hands back what there was no room for. Sweeps take it again, as soon as there is some.
func (r *runner) handBackOver(ctx context.Context, over []stream.Delivery) error {
	if len(over) == 0 {
		return nil
	}
	bytes := 0
	for i := range over {
		bytes += r.sizeOf(&over[i])
	}
	r.slots.came(len(over), bytes)
	r.log.Debug("handed back entries that are larger than those before: they would have taken too much memory at once",
		zap.Int("entries", len(over)), zap.Int("bytes", bytes))
	r.sweeper.Hurry()
	return claim.HandBack(ctx, r.group, over)
}

// sizeOf is how much memory a delivery takes once it is decoded: of one that is too large nothing is kept.
func (r *runner) sizeOf(delivery *stream.Delivery) int {
	return min(delivery.Size(), r.options.MaxEventBytes)
}

// awaitRoom waits until something in hand is settled, for patience or until ctx ends.
func (r *runner) awaitRoom(ctx context.Context) {
	if r.leases.Count() < ackBatch { // few, but large: no batch of acks gets full
		r.acker.hurry()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-r.leases.Dropped():
	}
}

// block is how long a read may wait: not beyond the next sweep, nor for long in the measure of a lease. Zero is not at all.
func (r *runner) block() time.Duration {
	return min(max(0, r.sweeper.Wait(time.Now())), r.group.Lease()/3, stream.MaxBlock)
}

// sweep takes over what is due, at most room of it, and returns what it took. A suspect is done with when it returns.
func (r *runner) sweep(ctx context.Context, room int) ([]stream.Delivery, error) {
	if r.interrupted.Swap(false) {
		r.sweeper.Interrupted()
	}
	swept, err := r.sweeper.Sweep(ctx, r.room(room), r.leases.Count() == 0)
	r.health.sweeping.set(cmp.Or(err, swept.Refused))
	r.logSwept(swept)
	r.logOrphans(swept.Taken)
	if swept.Forgotten { // as by a read or a sweep that came to Redis when its reply had been given up
		r.mayHaveLost.Store(true)
	}
	err = cmp.Or(r.admit(ctx, swept.Taken, len(swept.Taken)), err)
	switch {
	case r.isSuspect(swept.Taken):
		for r.leases.Count() > 0 && ctx.Err() == nil {
			r.awaitEmpty(ctx)
		}
	case swept.Suspects:
		r.awaitEmpty(ctx)
		r.sweeper.Hurry() // to take a suspect, or to find that another consumer has taken it
		r.readNext = false
	}
	return swept.Taken, err
}

// isSuspect tells whether what a sweep took is a suspect, which it takes alone.
func (r *runner) isSuspect(taken []stream.Delivery) bool {
	return len(taken) > 0 && r.sweeper.Suspect(&taken[0])
}

// suspectsGoOn tells whether it is still the suspects' turn.
func (r *runner) suspectsGoOn(now time.Time) bool {
	if r.suspectsSince.IsZero() {
		r.suspectsSince = now
	}
	return now.Sub(r.suspectsSince) < suspectsTurn
}

// awaitEmpty waits until nothing is in hand, or for patience: a suspect must not take anything with it.
func (r *runner) awaitEmpty(ctx context.Context) {
	r.health.read(nil) // Redis answers; it is we who do not ask
	r.acker.hurry()
	select {
	case <-ctx.Done():
	case <-r.leases.Empty():
	case <-time.After(patience):
	}
	r.health.intake.beat()
}

// logOrphans says that entries were taken over whose process was killed or stalled. A process that dies leaves behind all
// that it held, so of those that it had been handed once only one is named every orphansLine.
func (r *runner) logOrphans(taken []stream.Delivery) {
	orphans := slices.DeleteFunc(slices.Clone(taken), func(delivery stream.Delivery) bool { return !delivery.Orphaned() })
	if len(orphans) == 0 || orphans[0].Deliveries <= 2 && time.Since(r.orphansLogged) < orphansLine {
		return
	}
	r.orphansLogged = time.Now()
	line := "took over entries whose last delivery ended without a word: their process was killed or stalled"
	if r.isSuspect(orphans) {
		line = "took over an entry whose last delivery ended without a word: it is started alone"
	}
	r.log.Warn(line, zap.String("id", orphans[0].ID.String()), zap.Int("deliveries", orphans[0].Deliveries),
		zap.Int("entries", len(orphans)))
}

func (r *runner) logSwept(swept claim.Swept) {
	for _, buried := range swept.Buried {
		r.report(Result{
			Group: r.options.Name, EntryID: buried.ID, Deliveries: buried.Deliveries,
			Outcome: DeadLettered, Reason: buried.Reason, Err: errors.New(buried.Reason),
			FollowUp: r.followUp(DeadLettered, buried.Cut),
		})
		if buried.Cut {
			r.reportCut(buried.ID)
		}
	}
	for _, name := range swept.Removed {
		r.log.Info("removed the name of a dead consumer", zap.String("removed", name))
	}
}

// makeGood mends what a failed read or sweep may have left behind. The first line of an outage is logged by the set.
func (r *runner) makeGood(ctx context.Context, err error) {
	r.metrics.readErrors.Inc()
	r.sweeper.Interrupted()
	if stream.IsNoGroup(err) {
		r.createAgain(ctx)
		return
	}
	r.tell("reading", err)
	r.mayHaveLost.Store(true)
}

// createAgain creates the group that has gone missing.
func (r *runner) createAgain(ctx context.Context) {
	ensured, err := r.set.client.EnsureGroups(ctx, []stream.GroupSpec{r.spec(true)})
	if err != nil {
		r.tell("reading", err)
		return
	}
	if ensured[0].What != stream.GroupKept {
		r.recreated(ensured[0])
	}
}

// recreated says loudly that the group had been lost.
func (r *runner) recreated(group stream.Ensured) {
	r.metrics.recreated.Inc()
	r.log.Error("the group was missing in Redis (FLUSHALL, DEL or XGROUP DESTROY?) and has been created again",
		zap.String("goes_on_after", group.At))
}

func (r *runner) spec(seenBefore bool) stream.GroupSpec {
	return stream.GroupSpec{
		Name: r.options.Name, Registration: r.options.registration(r.group.Lease()),
		Start: r.options.From, SeenBefore: seenBefore,
	}
}

// adopt takes up what stands under the consumer's name since a reply was lost, as much of it as there are slots for. The rest
// goes back, and so does a suspect among it, to be taken alone.
func (r *runner) adopt(ctx context.Context, room int) error {
	r.mayHaveLost.Store(false)
	adopted, over, err := r.group.Adopt(ctx, r.leases.Held(), r.room(room))
	if err != nil {
		r.mayHaveLost.Store(true)
		return err
	}
	var innocent, suspects []stream.Delivery
	for _, delivery := range adopted {
		if r.sweeper.Suspect(&delivery) {
			suspects = append(suspects, delivery)
		} else {
			innocent = append(innocent, delivery)
		}
	}
	if len(adopted) > 0 {
		r.log.Info("took up entries whose delivery was lost on the way", zap.Int("entries", len(adopted)))
	}
	if len(over)+len(suspects) > 0 {
		r.sweeper.Hurry()
	}
	return errors.Join(r.admit(ctx, innocent, len(innocent)), claim.HandBack(ctx, r.group, append(suspects, over...)))
}
