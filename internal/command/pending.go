package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

// page is the part of a list that is shown.
type page struct {
	count int
	from  string
}

func (g *page) addTo(command *cobra.Command) {
	command.Flags().IntVar(&g.count, "count", 50, "how many to show")
	command.Flags().StringVar(&g.from, "from", "", "the ID to begin with")
}

// start is the ID to begin with; the zero ID begins with the oldest.
func (g *page) start() (stream.ID, error) {
	if g.count < 1 || g.count > 100_000 {
		return stream.ID{}, usage("--count: expected 1 to 100,000, got %d", g.count)
	}
	if g.from == "" {
		return stream.ID{}, nil
	}
	id, err := stream.ParseID(g.from)
	if err != nil {
		return stream.ID{}, usage("--from: %w", err)
	}
	return id, nil
}

func (p *program) pendingCommand() *cobra.Command {
	var output output
	var page page
	command := &cobra.Command{
		Use:   "pending GROUP",
		Short: "List what is pending in a group, oldest first",
		Long: "Lists what is pending in a group: entries that were delivered to it and not acked. A consumer has them in hand, or\n" +
			"they wait for their next try under the name `waiting`.",
		Example: "  millrace pending print_label\n  millrace pending print_label --count 10 --from 1763700000000-0",
		Args:    between(1, 1, "the name of one group"),
		RunE: func(command *cobra.Command, args []string) error {
			from, err := page.start()
			if err != nil {
				return err
			}
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				return p.listPending(ctx, client, args[0], from, page.count, output)
			})
		},
	}
	page.addTo(command)
	output.addTo(command)
	return command
}

func (p *program) listPending(
	ctx context.Context, client *stream.Client, group string, from stream.ID, count int, output output,
) error {
	if _, err := findGroup(ctx, client, group); err != nil {
		return err
	}
	pending, err := client.Pending(ctx, group, from, count+1) // one more tells whether there are more
	if err != nil {
		return err
	}
	next := stream.ID{}
	if len(pending) > count {
		next, pending = pending[count].ID, pending[:count]
	}
	if output.isJSON() {
		return p.printJSON(pending)
	}
	if len(pending) == 0 {
		p.printf("Nothing is pending in %s.\n", oneLine(group))
		return nil
	}
	now := time.Now()
	rows := make([][]string, len(pending))
	for i, entry := range pending {
		rows[i] = []string{
			entry.ID.String(), brief(orDash(entry.Event), 40), brief(entry.Consumer, 40), idle(entry.Holding),
			digits(entry.Deliveries), nextTry(now, entry.Holding), orDash(oneLine(entry.Reason)),
			brief(orDash(entry.Error), 60),
		}
	}
	p.printTable(columns("ID", "EVENT", "CONSUMER", "IDLE", "#DELIVERIES", "NEXT TRY", "REASON", "ERROR"), rows)
	p.printMore(next)
	return nil
}

// printMore says how to see what follows; the zero ID means that nothing does.
func (p *program) printMore(next stream.ID) {
	if !next.IsZero() {
		p.printf("\nThere are more: add --from %s, or raise --count.\n", next)
	}
}

// idle is for how long the holder has not renewed an entry. Of one that waits the figure says nothing.
func idle(holding stream.Holding) string {
	if holding.Consumer == stream.Waiting {
		return "-"
	}
	return roughly(time.Duration(holding.IdleMs) * time.Millisecond)
}

// nextTry is when an entry that waits is tried again.
func nextTry(now time.Time, holding stream.Holding) string {
	if holding.Consumer != stream.Waiting {
		return "-"
	}
	return ahead(now, holding.NextTry)
}
