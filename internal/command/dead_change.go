package command

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

// deadChange is which dead letters requeue and rm are about, and whether they are to do it.
type deadChange struct {
	output     output
	all        bool
	reason     string
	confirmed  bool
	printRedis bool
}

func (d *deadChange) addTo(command *cobra.Command) {
	command.Flags().BoolVar(&d.all, "all", false, "all dead letters of the group")
	addReason(command, &d.reason)
	addYes(command, &d.confirmed)
	addPrintRedis(command, &d.printRedis)
	d.output.addTo(command)
}

func (p *program) deadRequeueCommand() *cobra.Command {
	var change deadChange
	command := &cobra.Command{
		Use:   "requeue GROUP [ID...]",
		Short: "Hand dead letters to their group once more",
		Long: "Hands dead letters to their group once more, and to no other: each becomes a new entry of the stream that is for\n" +
			"this group alone, with the event's own ID and time. IDs are those of the letters, or of the entries that were given up.",
		Example: "  millrace dead requeue print_label --all                    # says what would be requeued\n" +
			"  millrace dead requeue print_label 1763700000000-0 --yes",
		Args: between(1, math.MaxInt, "a group, and the IDs of dead letters or --all"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.changeDead(command.Context(), args, &change, p.requeueDead)
		},
	}
	change.addTo(command)
	return command
}

func (p *program) deadRemoveCommand() *cobra.Command {
	var change deadChange
	command := &cobra.Command{
		Use:   "rm GROUP [ID...]",
		Short: "Remove dead letters for good",
		Long:  "Removes dead letters for good. IDs are those of the letters, or of the entries that were given up.",
		Example: "  millrace dead rm print_label --all --reason undecodable   # says what would be removed\n" +
			"  millrace dead rm print_label 1763700000000-0 --yes",
		Args: between(1, math.MaxInt, "a group, and the IDs of dead letters or --all"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.changeDead(command.Context(), args, &change, p.removeDead)
		},
	}
	change.addTo(command)
	return command
}

// deadAct does what a command is for with letters that were found.
type deadAct func(context.Context, *stream.Client, string, []stream.DeadLetter, *deadChange) error

// changeDead finds the letters that args, a group and IDs, are about, and acts on them.
func (p *program) changeDead(ctx context.Context, args []string, change *deadChange, act deadAct) error {
	group, texts := args[0], args[1:]
	if change.all == (len(texts) > 0) {
		return usage("dead letters of %s: expected their IDs, or --all", group)
	}
	ids := make([]stream.ID, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = stream.ParseID(text); err != nil {
			return &usageError{err}
		}
	}
	return p.withClient(ctx, func(ctx context.Context, client *stream.Client) error {
		letters, err := chosenLetters(ctx, client, group, ids, change.reason)
		if err != nil {
			return err
		}
		if len(letters) == 0 {
			return p.listDead(ctx, client, group, change.reason, letters, stream.ID{}, change.output)
		}
		return act(ctx, client, group, letters, change)
	})
}

// chosenLetters returns the letters that ids name, or all where there are none, of one reason or of all.
func chosenLetters(
	ctx context.Context, client *stream.Client, group string, ids []stream.ID, reason string,
) ([]stream.DeadLetter, error) {
	if len(ids) == 0 {
		letters, _, err := deadLetters(ctx, client, group, stream.ID{}, math.MaxInt, reason)
		return letters, err
	}
	letters := make([]stream.DeadLetter, 0, len(ids))
	for _, id := range ids {
		letter, err := client.DeadLetter(ctx, group, id)
		if err != nil {
			return nil, err
		}
		if reason == "" || letter.Reason == reason {
			letters = append(letters, letter)
		}
	}
	return letters, nil
}

// mostPlanned is how many letters a plan lists.
const mostPlanned = 20

// planDead prints what is to be done with letters, and does nothing.
func (p *program) planDead(what string, letters []stream.DeadLetter, output output) error {
	if output.isJSON() {
		return p.printJSON(letters)
	}
	p.printf("%s %s:\n\n", whole(len(letters), "dead letter"), what)
	p.printDead(time.Now(), letters[:min(len(letters), mostPlanned)])
	if more := len(letters) - mostPlanned; more > 0 {
		p.printf("... and %s more\n", digits(more))
	}
	return nil
}

func letterIDs(letters []stream.DeadLetter) []stream.ID {
	ids := make([]stream.ID, len(letters))
	for i, letter := range letters {
		ids[i] = letter.ID
	}
	return ids
}

func (p *program) requeueDead(
	ctx context.Context, client *stream.Client, group string, letters []stream.DeadLetter, change *deadChange,
) error {
	if _, err := findGroup(ctx, client, group); err != nil {
		return fmt.Errorf("requeue: nobody would take the entries: %w", err)
	}
	ids := letterIDs(letters)
	if change.printRedis {
		commands, without, err := client.RequeueCommands(ctx, group, ids)
		if err != nil {
			return err
		}
		p.printRedis("requeue does each pair in one script, which adds nothing where the dead letter is gone", commands...)
		for _, letter := range without {
			p.printf("# %s: %s\n", letter.ID, becameOf(letter))
		}
		return nil
	}
	if !change.confirmed {
		return p.planRequeue(ctx, client, group, letters, change.output)
	}
	requeued, err := client.Requeue(ctx, group, ids)
	return p.reportRequeued(requeued, err, change.output)
}

// planRequeue prints what is to be requeued, and what cannot be.
func (p *program) planRequeue(
	ctx context.Context, client *stream.Client, group string, letters []stream.DeadLetter, output output,
) error {
	_, without, err := client.RequeueCommands(ctx, group, letterIDs(letters))
	if err != nil {
		return err
	}
	if err := p.planDead("to hand to "+group+" once more, and to no other group", letters, output); err != nil {
		return err
	}
	if len(without) > 0 && !output.isJSON() {
		p.println()
		for _, letter := range without {
			p.printf("%s   %s\n", letter.ID, becameOf(letter))
		}
	}
	p.planned()
	return nil
}

// reportRequeued prints what became of each letter, also of those before an error.
func (p *program) reportRequeued(requeued []stream.Requeued, err error, output output) error {
	refused := 0
	for _, letter := range requeued {
		if letter.Refused != "" {
			refused++
		}
	}
	if output.isJSON() {
		if fault := p.printJSON(requeued); fault != nil {
			return fault
		}
	} else {
		for _, letter := range requeued {
			p.printf("%s   %s\n", letter.ID, becameOf(letter))
		}
	}
	if err == nil && refused > 0 {
		err = fmt.Errorf("%s could not be requeued", whole(refused, "dead letter"))
	}
	return err
}

// becameOf is what became of a letter.
func becameOf(letter stream.Requeued) string {
	switch {
	case letter.Gone:
		return "is gone: it was requeued or removed before"
	case letter.Refused != "":
		return "stays: " + oneLine(letter.Refused)
	default:
		return "requeued as " + letter.EntryID.String()
	}
}

func (p *program) removeDead(
	ctx context.Context, client *stream.Client, group string, letters []stream.DeadLetter, change *deadChange,
) error {
	ids := letterIDs(letters)
	if change.printRedis {
		p.printRedis("", client.RemoveDeadCommand(group, ids))
		return nil
	}
	if !change.confirmed {
		err := p.planDead("to remove for good", letters, change.output)
		p.planned()
		return err
	}
	removed, err := client.RemoveDead(ctx, group, ids)
	if err != nil {
		return err
	}
	if change.output.isJSON() {
		return p.printJSON(map[string]int{"removed": removed})
	}
	p.printf("Removed %s.\n", whole(removed, "dead letter"))
	return nil
}
