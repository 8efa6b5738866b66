package stream

import "context"

// setLags fills in how many entries each group has not been delivered yet. Redis' own figure is wrong after some
// deletions and missing after some restarts, so it is used only where counting would cost too much.
func (c *Client) setLags(ctx context.Context, found snapshot, groups []GroupStatus) error {
	var newest []ID // read once, for all groups that are neither at the end nor at the beginning
	for i := range groups {
		group, delivered := &groups[i], groups[i].LastDelivered
		switch {
		case delivered.Compare(found.last) >= 0:
			group.Lag = 0
		case delivered.Compare(found.first) < 0:
			group.Lag = found.length
		default:
			if newest == nil {
				var err error
				if newest, err = c.entryIDs(ctx, found.last); err != nil {
					return err
				}
			}
			group.Lag, group.LagIsEstimate = found.lagOf(found.groups[i], newest)
		}
	}
	return nil
}

// lagOf counts the IDs above the last one delivered, exactly where newest, the stream's newest IDs in falling order,
// reach down to it. Else it takes Redis' word, within what is known for certain, or the length of the stream.
func (s *snapshot) lagOf(group groupSnapshot, newest []ID) (lag int, estimate bool) {
	for i, id := range newest {
		if id.Compare(group.delivered) <= 0 {
			return i, false
		}
	}
	if group.redisLag == "" {
		return s.length, true
	}
	return min(max(replyNumber(group.redisLag), len(newest)), s.length), true
}
