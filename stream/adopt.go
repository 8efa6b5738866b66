package stream

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Adopt takes up what stands under the consumer's name and is not in its hands: the reply that handed it over was lost.
// held tells what is in its hands. The delivery counts stay. It costs one round trip for each 100 pending entries.
func (g *Group) Adopt(ctx context.Context, held func(ID) bool) ([]Delivery, error) {
	const page = 100
	var adopted []Delivery
	for from := (ID{}); ; {
		pending, err := g.client.write.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: g.client.keys.Stream(),
			Group:  g.name, Consumer: g.consumer, Start: from.String(), End: "+", Count: page,
		}).Result()
		if err != nil {
			return adopted, g.failed("read the pending list of", err)
		}
		var missing []any
		for _, entry := range pending {
			id, err := ParseID(entry.ID)
			if err != nil {
				return adopted, g.failed("read the pending list of", err)
			}
			if from = id.Next(); !held(id) {
				missing = append(missing, entry.ID)
			}
		}
		deliveries, err := g.adopt(ctx, missing)
		if err != nil {
			return adopted, err
		}
		if adopted = append(adopted, deliveries...); len(pending) < page {
			return adopted, nil
		}
	}
}

func (g *Group) adopt(ctx context.Context, ids []any) ([]Delivery, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	sent := time.Now()
	args := append([]any{g.name, g.consumer}, ids...)
	reply, err := g.client.run(ctx, g.client.scripts.adopt, g.settleKeys(), args...).Slice()
	if err != nil {
		return nil, g.failed("take up lost replies of", err)
	}
	return parseDeliveries(reply, sent.Add(g.lease))
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
