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
		Long: "Removes events that every group has finished and that are older than the retention. What a group has not read, or\n" +
			"has not finished, stays. The service does this by itself every minute.",
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
	if len(trimmed.HeldBackBy) > 0 {
		p.println("\nThese groups hold it back, because they have not finished what is older:")
		p.println()
		p.printHoldBacks(time.Now(), trimmed.HeldBackBy)
	}
	if !trimming.confirmed && trimmed.Removed > 0 {
		p.planned()
	}
}

func (p *program) printHoldBacks(now time.Time, held []stream.HoldBack) {
	rows := make([][]string, len(held))
	for i, group := range held {
		state := "exists"
		if group.Missing {
			state = "missing"
		}
		seen := ago(now, group.Seen)
		if group.Seen.IsZero() {
			seen = "never"
		}
		rows[i] = []string{oneLine(group.Group), state, group.Needs.String(), ago(now, group.Since), seen}
	}
	p.printTable(columns("GROUP", "STATE", "NEEDS", "ADDED", "LAST AT WORK"), rows)
	p.printf("\nA group that nobody will run again is ended by: %s groups rm GROUP\n", p.name)
}
