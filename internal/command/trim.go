package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

func (p *program) trimCommand() *cobra.Command {
	var output output
	var confirmed, printRedis bool
	var retention time.Duration
	command := &cobra.Command{
		Use:   "trim",
		Short: "Remove old events that every group has finished",
		Long: "Removes events that every group has finished and that are older than the retention. What is pending in a group, or\n" +
			"not delivered to it yet, stays. The service does this by itself every minute.",
		Example: "  millrace trim                  # says what would be removed, and who holds back more\n" +
			"  millrace trim --retention 1h --yes",
		Args: between(0, 0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			if !command.Flags().Changed("retention") {
				retention = p.Config.Retention
			}
			if retention < 0 {
				return usage("--retention: expected zero or more, got %s", Spell(retention))
			}
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				return p.trim(ctx, client, trimming{retention, confirmed, printRedis, output})
			})
		},
	}
	command.Flags().DurationVar(&retention, "retention", 0, "how old events must be; default: MILLRACE_RETENTION")
	addYes(command, &confirmed)
	addPrintRedis(command, &printRedis)
	output.addTo(command)
	return command
}

// trimming is what the flags of trim say.
type trimming struct {
	retention             time.Duration
	confirmed, printRedis bool
	output                output
}

func (p *program) trim(ctx context.Context, client *stream.Client, trimming trimming) error {
	trimmed, err := client.Trim(ctx, trimming.retention, !trimming.confirmed || trimming.printRedis)
	if err != nil {
		return err
	}
	if trimming.printRedis {
		p.printTrimRedis(client, trimmed)
		return nil
	}
	if trimming.output.isJSON() {
		return p.printJSON(struct {
			stream.Trimmed
			Done bool `json:"done"`
		}{trimmed, trimming.confirmed})
	}
	p.printTrimmed(trimmed, trimming)
	if err := p.printHoldBacks(ctx, client, trimmed.HeldBackBy); err != nil {
		return err
	}
	if !trimming.confirmed && trimmed.Removed > 0 {
		p.planned()
	}
	return nil
}

func (p *program) printTrimRedis(client *stream.Client, trimmed stream.Trimmed) {
	if trimmed.UpTo.IsZero() {
		p.println("# nothing may be removed now")
		return
	}
	p.printRedis("trim finds this ID and removes in one script, so that no group can need an entry in between",
		client.TrimCommand(trimmed))
}

func (p *program) printTrimmed(trimmed stream.Trimmed, trimming trimming) {
	finished := whole(trimmed.Removed, "entry") + " that every group has finished"
	if trimming.retention > 0 {
		finished += ", older than " + Spell(trimming.retention)
	}
	switch {
	case trimmed.Groups == 0:
		p.println("Nothing to remove: the stream has no groups, and nobody knows what the first one will need.")
	case trimming.confirmed:
		p.printf("Removed %s.\n", finished)
	default:
		p.printf("To remove: %s.\n", finished)
	}
}

// printHoldBacks says which groups need older events, and where nobody seems to run one any more, how to end it.
func (p *program) printHoldBacks(ctx context.Context, client *stream.Client, held []stream.HoldBack) error {
	if len(held) == 0 {
		return nil
	}
	status, err := client.Inspect(ctx)
	if err != nil {
		return err
	}
	groups := map[string]stream.GroupStatus{}
	for _, group := range status.Groups {
		groups[group.Name] = group
	}
	rows, abandoned := make([][]string, len(held)), false
	for i, holder := range held {
		group := groups[holder.Group]
		rows[i] = []string{
			oneLine(holder.Group), groupState(group), holder.Needs.String(), ago(status.Time, holder.Since),
			lastAtWork(status.Time, group),
		}
		abandoned = abandoned || seemsAbandoned(status.Time, group)
	}
	p.println("\nThese groups hold it back, because they have not finished what is older:")
	p.println()
	p.printTable(columns("GROUP", "STATE", "NEEDS", "ADDED", "LAST AT WORK"), rows)
	if abandoned {
		p.printf("\nA group that nobody will run again is ended by: %s groups rm GROUP\n", p.name)
	}
	return nil
}

// lastSign is the last sign of life of a group's consumers; zero where there was none.
func lastSign(group stream.GroupStatus) time.Time {
	last := group.Seen
	for _, consumer := range group.Consumers {
		if consumer.Seen.After(last) {
			last = consumer.Seen
		}
	}
	return last
}

func lastAtWork(now time.Time, group stream.GroupStatus) string {
	last := lastSign(group)
	if last.IsZero() {
		return "never"
	}
	return ago(now, last)
}

// abandonedAfter is how long nobody has worked for a group that seems abandoned: longer than a restart takes.
const abandonedAfter = 5 * time.Minute

// seemsAbandoned tells whether it may be that nobody runs the group any more. Whether it is so, only its owner knows.
func seemsAbandoned(now time.Time, group stream.GroupStatus) bool {
	return !group.Exists || now.Sub(lastSign(group)) > abandonedAfter
}
