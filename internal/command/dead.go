package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

func (p *program) deadCommand() *cobra.Command {
	dead := &cobra.Command{
		Use:   "dead",
		Short: "Show, requeue or remove the dead letters of a group",
		Long:  "A dead letter is an entry that a group has given up. It is kept, with the reason, until it is requeued or removed.",
		Example: "  millrace dead ls print_label\n  millrace dead show print_label 1763700000000-0\n" +
			"  millrace dead requeue print_label 1763700000000-0 --yes",
		Args: noSuchCommand,
		RunE: func(command *cobra.Command, _ []string) error {
			return misuse(command, "expected ls, show, requeue or rm")
		},
	}
	dead.AddCommand(p.deadListCommand(), p.deadShowCommand(), p.deadRequeueCommand(), p.deadRemoveCommand())
	return dead
}

func (p *program) deadListCommand() *cobra.Command {
	var output output
	var page page
	var reason string
	command := &cobra.Command{
		Use:     "ls GROUP",
		Short:   "List the dead letters of a group, oldest first",
		Example: "  millrace dead ls print_label\n  millrace dead ls print_label --reason permanent --count 10",
		Args:    between(1, 1, "the name of one group"),
		RunE: func(command *cobra.Command, args []string) error {
			from, err := page.start()
			if err != nil {
				return err
			}
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				letters, next, err := deadLetters(ctx, client, args[0], from, page.count, reason)
				if err != nil {
					return err
				}
				return p.listDead(ctx, client, args[0], reason, letters, next, output)
			})
		},
	}
	page.addTo(command)
	addReason(command, &reason)
	output.addTo(command)
	return command
}

func addReason(command *cobra.Command, target *string) {
	command.Flags().StringVar(target, "reason", "", "only those with this reason, such as permanent or max_deliveries")
}

// deadPage is how many dead letters are read in one go, since they come with all that is in them.
const deadPage = 100

// deadLetters returns up to count dead letters of a group, beginning with the ID from, of one reason or of all, and the
// ID of the one that follows them, or the zero ID.
func deadLetters(
	ctx context.Context, client *stream.Client, group string, from stream.ID, count int, reason string,
) (found []stream.DeadLetter, next stream.ID, err error) {
	found = []stream.DeadLetter{}
	for {
		letters, err := client.DeadLetters(ctx, group, from, deadPage)
		if err != nil {
			return nil, stream.ID{}, err
		}
		for _, letter := range letters {
			if reason != "" && letter.Reason != reason {
				continue
			}
			if len(found) == count {
				return found, letter.ID, nil
			}
			found = append(found, letter)
		}
		if len(letters) < deadPage {
			return found, stream.ID{}, nil
		}
		from = letters[len(letters)-1].ID.Next()
	}
}

func (p *program) listDead(
	ctx context.Context, client *stream.Client, group, reason string, letters []stream.DeadLetter, next stream.ID,
	output output,
) error {
	if len(letters) == 0 {
		// A group that has ended leaves its dead letters behind, so only an empty list asks whether there is such a group.
		if _, err := findGroup(ctx, client, group); err != nil {
			return err
		}
	}
	if output.isJSON() {
		return p.printJSON(letters)
	}
	if len(letters) == 0 {
		p.printf("No dead letters in %s%s.\n", oneLine(group), ofReason(reason))
		return nil
	}
	p.printDead(time.Now(), letters)
	p.printMore(next)
	return nil
}

// ofReason is which letters were looked for, for the end of a sentence.
func ofReason(reason string) string {
	if reason == "" {
		return ""
	}
	return " of the reason " + oneLine(reason)
}

func (p *program) printDead(now time.Time, letters []stream.DeadLetter) {
	rows := make([][]string, len(letters))
	for i, letter := range letters {
		rows[i] = []string{
			letter.ID.String(), ago(now, letter.At), entryOf(letter), brief(orDash(eventOf(letter).Name), 40),
			orDash(oneLine(letter.Reason)), digits(letter.Deliveries),
			brief(orDash(withoutReason(letter.Reason, letter.Error)), 60),
		}
	}
	p.printTable(columns("ID", "DEAD LETTERED", "ENTRY", "EVENT", "REASON", "#DELIVERIES", "ERROR"), rows)
}

// entryOf is the entry that a letter is of; somebody else's letter names none.
func entryOf(letter stream.DeadLetter) string {
	if letter.EntryID.IsZero() {
		return "-"
	}
	return letter.EntryID.String()
}

// eventOf is the event of a letter, as far as it can be read.
func eventOf(letter stream.DeadLetter) stream.Event {
	event, _ := stream.Decode(stream.Entry{ID: letter.EntryID, Fields: letter.Fields}, stream.DecodeOptions{})
	return event
}

func (p *program) deadShowCommand() *cobra.Command {
	var output output
	command := &cobra.Command{
		Use:     "show GROUP ID",
		Short:   "Show a dead letter in full",
		Long:    "Shows a dead letter in full. ID is the letter's own, or that of the entry that was given up.",
		Example: "  millrace dead show print_label 1763700000000-0",
		Args:    between(2, 2, "a group and the ID of a dead letter"),
		RunE: func(command *cobra.Command, args []string) error {
			id, err := stream.ParseID(args[1])
			if err != nil {
				return &usageError{err}
			}
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				letter, err := client.DeadLetter(ctx, args[0], id)
				if err != nil {
					return err
				}
				if output.isJSON() {
					return p.printJSON(letter)
				}
				p.printLetter(time.Now(), args[0], letter)
				return nil
			})
		},
	}
	output.addTo(command)
	return command
}

func (p *program) printLetter(now time.Time, group string, letter stream.DeadLetter) {
	p.printFacts(
		[2]string{"dead letter", fmt.Sprintf("%s of %s", letter.ID, oneLine(group))},
		[2]string{"entry", entryOf(letter)},
		[2]string{"event", brief(orDash(eventOf(letter).Name), 200)},
		[2]string{"event_id", brief(letter.EventID, 200)},
		[2]string{"dead lettered", instant(now, letter.At)},
		[2]string{"reason", oneLine(letter.Reason)},
		[2]string{"deliveries", digits(letter.Deliveries)},
		[2]string{"consumer", brief(letter.Consumer, 100)},
		[2]string{"error", stream.CleanError(letter.Error)},
	)
	p.printFields(letter.Fields)
}
