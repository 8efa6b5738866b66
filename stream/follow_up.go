package stream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Emit names the events that follow a group's outcomes. Such an event, a follow-up, is added to the stream in the step that
// settles its cause, or not at all.
//
// It has the cause's data, aggregate_id, traceparent and headers, as they stand in the entry or in its envelope, and says in
// fields of its own what it follows: `causation` and `causation_event` (the cause's event_id and name), `causation_entry`,
// `causation_group`, and with a dead letter `dead_reason` and `dead_error`. Its event_id is made of the cause's name and
// event_id, the group, the outcome and, for a requeue, the entry that this repeats: what is settled in the same way twice is
// followed by the same event. `causation_depth` counts the follow-ups of follow-ups; one deeper than 16 is cut: its cause is
// settled without it.
type Emit struct {
	// Acked follows what the handler has done; "" is nothing. What a group passes by or skips is followed by nothing.
	Acked string `json:"acked,omitempty"`
	// DeadLettered follows a dead letter, whoever writes it; "" is nothing.
	DeadLettered string `json:"dead_lettered,omitempty"`
}

// Validate names the faults of the names, or returns nil.
func (e Emit) Validate() error {
	return errors.Join(checkEmitted("acked", e.Acked), checkEmitted("dead_lettered", e.DeadLettered))
}

func checkEmitted(outcome, name string) error {
	if name == "" {
		return nil
	}
	if err := CheckName(name); err != nil {
		return fmt.Errorf("emit %s: %w", outcome, err)
	}
	return nil
}

// Emitting returns the same consumer of the same group, which adds emit's events with its outcomes. All consumers of a group
// must emit the same, since any of them may settle what another one was handed.
func (g *Group) Emitting(emit Emit) *Group {
	emitting := *g
	emitting.emit = emit
	return &emitting
}

// MaxResultBytes is how much of a result is kept.
const MaxResultBytes = 4096

// CutResult is a result as it is kept: of a longer one the beginning, with a mark that there was more.
func CutResult(result []byte) string {
	const mark = " [...]"
	if len(result) <= MaxResultBytes {
		return string(result)
	}
	return validEnd(string(result[:MaxResultBytes-len(mark)])) + mark
}

// Keep says for how long Settle keeps what it sets beside an entry that is done; less than 1 ms sets nothing.
type Keep struct {
	// Markers is how long the dedupe markers say that the events are done.
	Markers time.Duration
	// Results is how long the results can be looked up.
	Results time.Duration
}

// Settlement is what Settle came to.
type Settlement struct {
	// Lost are the entries that the consumer did not own any more; nothing was done for those.
	Lost []ID
	// Cut are the entries that were acked without their follow-up: see Emit.
	Cut []ID
	// Refused is why Redis did not keep a result; nil where it kept all. The entries were acked all the same.
	Refused error
}

// Settle settles entries as done, as AckOwned does, and adds what the group emits with an ack and the results, each entry in
// one step. Where an event is refused, as under a memory limit, its entry and those after it stay pending, and a repeat does
// the rest. At most 100 entries a call keep the server responsive.
func (g *Group) Settle(ctx context.Context, settled []Settled, keep Keep) (Settlement, error) {
	keys := []string{g.client.keys.Stream(), g.client.keys.Attempts(g.name)}
	args := []any{g.name, g.consumer, keep.Markers.Milliseconds(), keep.Results.Milliseconds(), g.emit.Acked}
	for _, entry := range settled {
		if keep.Markers >= time.Millisecond {
			keys = append(keys, g.client.keys.Done(g.name, entry.Event, entry.EventID))
		}
		if keep.Results >= time.Millisecond {
			keys = append(keys, g.client.keys.Result(g.name, entry.ID))
		}
		args = append(args, entry.ID.String(), entry.Event, entry.EventID, entry.Result)
	}
	reply, err := g.client.run(ctx, g.client.scripts.settle, keys, args...).Slice()
	if err != nil {
		return Settlement{}, g.failed("ack", err)
	}
	settlement, err := parseSettlement(reply)
	if err != nil {
		return Settlement{}, g.failed("ack", err)
	}
	return settlement, nil
}

func parseSettlement(reply []any) (Settlement, error) {
	if len(reply) != 3 {
		return Settlement{}, errUnexpectedReply
	}
	lost, err := parseIDs(replyList(reply[0]))
	if err != nil {
		return Settlement{}, err
	}
	cut, err := parseIDs(replyList(reply[1]))
	if err != nil {
		return Settlement{}, err
	}
	settlement := Settlement{Lost: lost, Cut: cut}
	if refused := replyText(reply[2]); refused != "" {
		settlement.Refused = errors.New(refused)
	}
	return settlement, nil
}
