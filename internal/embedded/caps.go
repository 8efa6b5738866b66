package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/alicebob/miniredis/v2/server"
)

// checkRoom refuses an XADD to the full stream. One that trims to no more than the cap by itself (MAXLEN) may pass.
func (g *guard) checkRoom(script *server.Peer, args []string) error {
	addition, err := parseAdd(args)
	if err != nil {
		return err
	}
	if err := g.checkOrder(script, addition); err != nil || addition.key != g.options.Stream {
		return err
	}
	if addition.maxLen >= 0 && addition.maxLen <= g.options.MaxEntries {
		return nil
	}
	length, _ := g.ask(script, "XLEN", addition.key).(int)
	if length < g.options.MaxEntries {
		return nil
	}
	return fmt.Errorf("ERR the stream %q holds %d entries, which is all that the embedded server takes: `millrace trim` "+
		"removes what every group has finished and the retention does not keep (see MILLRACE_RETENTION); for more, run a "+
		"real Redis and set MILLRACE_REDIS_URL", addition.key, length)
}

// checkOrder refuses an ID that is not above all that the stream has given out. miniredis compares it with the last entry
// that is left, so that after an XDEL an entry could get an ID that groups have behind them: it would never be delivered. And where it
// refuses 0-0 itself, it has made an empty stream by then.
func (g *guard) checkOrder(script *server.Peer, addition addition) error {
	if addition.id == "*" {
		return nil
	}
	if isID(addition.id) && completeID(addition.id) == "0-0" {
		return errors.New("ERR The ID specified in XADD must be greater than 0-0")
	}
	last := g.lastGenerated(script, addition.key)
	if last == "" || last == "0-0" || isAbove(addition.id, last) {
		return nil
	}
	return errors.New("ERR The ID specified in XADD is equal or smaller than the target stream top item")
}

// read limits a read of new entries of the stream to what the group may still have pending, and refuses it where that
// is nothing: with an error rather than an empty reply, because whoever forgets to XACK would wait in vain and never
// learn why. It returns true where it has answered.
func (g *guard) read(peer, script *server.Peer, args []string) bool {
	options, err := parseRead(args)
	if err != nil || !g.caps(options) {
		return false
	}
	pending := g.pending(script, options.group)
	if pending >= g.options.MaxPending {
		g.refuse(peer, "XREADGROUP", fmt.Errorf("ERR group %q has %d entries pending, which is all that the embedded server "+
			"keeps for one: XACK what is done, and XPENDING %s %s shows what is not; for more, run a real Redis and set "+
			"MILLRACE_REDIS_URL", options.group, pending, g.options.Stream, options.group))
		return true
	}
	if limited := options.limitCount(args, g.options.MaxPending-pending); limited != nil {
		g.run(peer, append([]string{"XREADGROUP"}, limited...))
		return true
	}
	return false
}

// caps tells whether a read adds to what a group of the stream has pending.
func (g *guard) caps(options readOptions) bool {
	at := slices.Index(options.keys, g.options.Stream)
	return at >= 0 && options.ids[at] == ">" && !options.withoutAck
}

// pending counts what the group has pending, up to the cap.
func (g *guard) pending(script *server.Peer, group string) int {
	list, _ := g.ask(script, "XPENDING", g.options.Stream, group, "IDLE", sinceEver, "-", "+",
		strconv.Itoa(g.options.MaxPending)).([]any)
	return len(list)
}

// sinceEver, as the least idle time in milliseconds, shows in miniredis also the entries whose last delivery lies in
// the future after the clock was set back.
const sinceEver = "-8640000000000"

// checkUnused refuses to remove a consumer under whose name entries are pending. miniredis can lose count of them, keep
// them without a consumer, and then end the process at their XACK.
func (g *guard) checkUnused(script *server.Peer, key, group, consumer string) error {
	list, _ := g.ask(script, "XPENDING", key, group, "IDLE", sinceEver, "-", "+", "1", consumer).([]any)
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("ERR consumer %q of group %q has entries pending, which the embedded server does not drop: "+
		"XACK or XCLAIM them first", consumer, group)
}
