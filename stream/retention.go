package stream

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trimmed is what Trim did, or would do.
type Trimmed struct {
	// Removed is how many entries were removed; in a dry run, how many would be.
	Removed int `json:"removed"`
	// UpTo is the first ID that stays. It is zero where nothing may be removed at all.
	UpTo ID `json:"up_to,omitzero"`
	// Groups counts the groups that exist or are registered. Where there is none nothing is removed: nobody can know what
	// the first group will need.
	Groups int `json:"groups"`
	// HeldBackBy are the groups that need entries older than the retention, which stay for that reason, the group with the
	// oldest need first. It is empty where the retention alone was the limit.
	HeldBackBy []HoldBack `json:"held_back_by"`
}

// HoldBack is a group that needs entries older than the retention.
type HoldBack struct {
	Group string `json:"group"`
	// Needs is the oldest entry that the group has not finished.
	Needs ID `json:"needs"`
	// Since is when that entry was added.
	Since time.Time `json:"since"`
	// Seen is when a consumer of the group last swept it; zero where none ever did.
	Seen time.Time `json:"seen,omitzero"`
	// Missing tells that the group is registered and does not exist: it needs what comes after its checkpoint.
	Missing bool `json:"missing"`
}

// Trim removes the entries that every group has finished and that are older than retention by the server's clock, in one
// step, and says which groups held it back. What is pending anywhere, waiting for a retry included, or not yet delivered
// to a group stays, however old it is. A retention of zero removes all that is finished. A dry run removes nothing.
func (c *Client) Trim(ctx context.Context, retention time.Duration, dryRun bool) (Trimmed, error) {
	if retention < 0 {
		return Trimmed{}, fmt.Errorf("trim stream %q: retention %v: expected zero or more", c.keys.Stream(), retention)
	}
	reply, err := c.run(ctx, c.scripts.trim, []string{c.keys.Stream(), c.keys.Groups()},
		retention.Milliseconds(), flag(dryRun)).Slice()
	if err == nil && len(reply) != 4 {
		err = errUnexpectedReply
	}
	if err != nil {
		return Trimmed{}, fmt.Errorf("trim stream %q: %w", c.keys.Stream(), explain(err))
	}
	trimmed := Trimmed{
		Groups:     replyNumber(reply[0]),
		UpTo:       replyID(reply[1]),
		Removed:    replyNumber(reply[2]),
		HeldBackBy: parseHoldBacks(replyList(reply[3])),
	}
	if dryRun && !trimmed.UpTo.IsZero() {
		trimmed.Removed, err = c.countBelow(ctx, trimmed.UpTo)
	}
	return trimmed, err
}

func parseHoldBacks(reply []any) []HoldBack {
	held := make([]HoldBack, 0, len(reply))
	for _, element := range reply {
		if facts := replyList(element); len(facts) == 4 {
			needs := replyID(facts[1])
			held = append(held, HoldBack{
				Group:   replyText(facts[0]),
				Needs:   needs,
				Since:   needs.Time().UTC(),
				Seen:    serverTime(replyText(facts[2])),
				Missing: replyText(facts[3]) == "1",
			})
		}
	}
	slices.SortFunc(held, func(a, b HoldBack) int {
		return cmp.Or(a.Needs.Compare(b.Needs), strings.Compare(a.Group, b.Group))
	})
	return held
}

// countBelow counts the entries below id, page by page: Redis cannot count a range.
func (c *Client) countBelow(ctx context.Context, id ID) (int, error) {
	count := 0
	for {
		page, err := c.entryIDs(ctx, id.Previous())
		if err != nil || len(page) == 0 {
			return count, err
		}
		if page[len(page)-1].Compare(id) >= 0 {
			return count, errUnexpectedReply // it would never end
		}
		count, id = count+len(page), page[len(page)-1]
	}
}

// entryIDs returns the IDs of a page of entries, newest first, beginning at newest: none only where there are none.
func (c *Client) entryIDs(ctx context.Context, newest ID) ([]ID, error) {
	reply, err := c.run(ctx, c.scripts.entryIDs, []string{c.keys.Stream()}, newest.String(), walkPage, walkBytes).Slice()
	if err != nil {
		return nil, fmt.Errorf("count entries of stream %q: %w", c.keys.Stream(), explain(err))
	}
	return parseIDs(reply)
}

// TrimCommand is what removes the same entries, for redis-cli.
func (c *Client) TrimCommand(trimmed Trimmed) Command {
	return Command{"XTRIM", c.keys.Stream(), "MINID", "=", trimmed.UpTo.String()}
}
