package stream

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Adopt takes up what stands under the consumer's name and is not in its hands: the reply that handed it over was lost.
// held tells what is in its hands. The delivery counts stay. What there is no room for is over: it has no Fields, and is for
// the caller to hand back. It costs one round trip for each 100 pending entries, and one for each 100 of those adopted.
func (g *Group) Adopt(ctx context.Context, held func(ID) bool, room Room) (adopted, over []Delivery, err error) {
	const page = 100
	for from := (ID{}); ; {
		pending, err := g.client.write.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: g.client.keys.Stream(),
			Group:  g.name, Consumer: g.consumer, Start: from.String(), End: "+", Count: page,
		}).Result()
		if err != nil {
			return adopted, over, g.failed("read the pending list of", err)
		}
		var missing []Delivery
		for _, entry := range pending {
			id, err := ParseID(entry.ID)
			if err != nil {
				return adopted, over, g.failed("read the pending list of", err)
			}
			if from = id.Next(); !held(id) {
				missing = append(missing, Delivery{Entry: Entry{ID: id}, Deliveries: int(entry.RetryCount)})
			}
		}
		some, rest, err := g.adopt(ctx, missing, room)
		if err != nil {
			return adopted, over, err
		}
		adopted, over = append(adopted, some...), append(over, rest...)
		if room = room.Without(some); len(over) > 0 {
			room = Room{}
		}
		if len(pending) < page {
			return adopted, over, nil
		}
	}
}

// adopt takes up as many of the entries as there is room for; those that were deleted are neither adopted nor over.
func (g *Group) adopt(ctx context.Context, missing []Delivery, room Room) (adopted, over []Delivery, err error) {
	fitting := missing[:min(max(room.Entries, 0), len(missing))]
	if len(fitting) == 0 {
		return nil, missing, nil
	}
	sent := time.Now()
	args := []any{g.name, g.consumer, g.emit.DeadLettered, max(room.Bytes, 0)}
	for _, delivery := range fitting {
		args = append(args, delivery.ID.String())
	}
	reply, err := g.client.run(ctx, g.client.scripts.adopt, g.settleKeys(), args...).Slice()
	if err != nil {
		return nil, nil, g.failed("take up lost replies of", err)
	}
	looked := 0
	if len(reply) == 2 {
		looked = replyNumber(reply[0])
	}
	if looked < 1 || looked > len(fitting) {
		return nil, nil, g.failed("take up lost replies of", errUnexpectedReply)
	}
	if adopted, err = parseDeliveries(reply[1], sent.Add(g.lease)); err != nil {
		return nil, nil, g.failed("take up lost replies of", err)
	}
	return adopted, missing[looked:], nil
}

// Leave removes the consumer's name, if nothing is pending under it, and tells whether it is gone.
func (g *Group) Leave(ctx context.Context) (gone bool, err error) {
	keys := []string{g.client.keys.Stream(), g.client.keys.Consumers(g.name)}
	removed, err := g.client.run(ctx, g.client.scripts.leave, keys, g.name, g.consumer).Int()
	if IsNoGroup(err) {
		return true, nil
	}
	if err != nil {
		return false, g.failed("leave", err)
	}
	return removed == 1, nil
}
