package command

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

func (p *program) eventCommand() *cobra.Command {
	var output output
	command := &cobra.Command{
		Use:     "event ID",
		Short:   "Show what became of one event in every group",
		Long:    "Shows one event and what became of it in every group. ID is the entry's, as XADD and publish print it.",
		Example: "  millrace event 1763700000000-0",
		Args:    between(1, 1, "the ID of one entry"),
		RunE: func(command *cobra.Command, args []string) error {
			id, err := stream.ParseID(args[0])
			if err != nil {
				return &usageError{err}
			}
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				status, err := client.Event(ctx, id)
				if err != nil {
					return err
				}
				if output.isJSON() {
					return p.printJSON(status)
				}
				p.printEvent(time.Now(), status)
				return nil
			})
		},
	}
	output.addTo(command)
	return command
}

func (p *program) printEvent(now time.Time, status stream.EventStatus) {
	added := instant(now, status.Added)
	if !status.InStream {
		added += ", removed from the stream since"
	}
	eventID := status.EventID
	if eventID == status.ID.String() {
		eventID = "" // the producer gave none
	}
	happened := ""
	if !status.Time.IsZero() && !status.Time.Equal(status.Added) {
		happened = instant(now, status.Time)
	}
	p.printFacts(
		[2]string{"entry", status.ID.String()},
		[2]string{"event", brief(orDash(status.Event), 200)},
		[2]string{"event_id", brief(eventID, 200)},
		[2]string{"added", added},
		[2]string{"happened", happened},
		[2]string{"to", brief(status.To, 100)},
		[2]string{"replay_of", brief(status.ReplayOf, 100)},
	)
	p.println()
	p.printEventGroups(now, status)
	p.printFields(status.Fields)
}

func (p *program) printEventGroups(now time.Time, status stream.EventStatus) {
	if len(status.Groups) == 0 {
		p.printf("No group reads the stream yet: `%s run` creates one for each handler.\n", p.name)
		return
	}
	rows := make([][]string, len(status.Groups))
	for i, group := range status.Groups {
		deliveries := "-"
		if group.Holding != nil {
			deliveries = digits(group.Deliveries)
		}
		rows[i] = []string{
			oneLine(group.Group), cmp.Or(stateWords[group.State], group.State), deliveries, orDash(p.detail(now, group)),
		}
	}
	p.printTable(columns("GROUP", "STATE", "#DELIVERIES", "WHAT"), rows)
}

// stateWords are the states that read differently in a table.
var stateWords = map[string]string{
	stream.StateNotRead:  "not yet read",
	stream.StatePassedBy: "passed by",
}

// detail is what there is to say of an entry in a group beside its state.
func (p *program) detail(now time.Time, group stream.EventInGroup) string {
	switch group.State {
	case stream.StateWaiting:
		return "next try " + ahead(now, group.NextTry) + fault(*group.Holding)
	case stream.StateRunning:
		return fmt.Sprintf("%s has it, last sign of life %s ago%s", brief(group.Consumer, 40), idle(*group.Holding),
			fault(*group.Holding))
	case stream.StateDead:
		return fmt.Sprintf("dead letter %s%s", group.DeadLetter, fault(*group.Holding))
	case stream.StatePassedBy:
		return "does not subscribe to it, or it is for another group"
	case stream.StateUnknown:
		return "the entry is not in the stream any more" + requeued(group) + result(group)
	default:
		return strings.TrimPrefix(requeued(group)+result(group), "; ")
	}
}

// result is what the handler left, for the end of a line; "" where it left nothing, or that is not kept.
func result(group stream.EventInGroup) string {
	if group.Result == "" {
		return ""
	}
	return "; result: " + brief(group.Result, 300)
}

// requeued says under which entry a dead letter of this one was tried again, for the end of a line.
func requeued(group stream.EventInGroup) string {
	if group.RequeuedAs.IsZero() {
		return ""
	}
	return "; was a dead letter, requeued as " + group.RequeuedAs.String()
}

// fault is why the last try failed, for the end of a line; "" where none has.
func fault(holding stream.Holding) string {
	if holding.Reason == "" && holding.Error == "" {
		return ""
	}
	return fmt.Sprintf("; %s: %s", oneLine(holding.Reason), brief(withoutReason(holding.Reason, holding.Error), 300))
}

// withoutReason is an error without the reason that some begin with, for where that stands already.
func withoutReason(reason, text string) string {
	if reason == "" {
		return text
	}
	return strings.TrimPrefix(text, reason+": ")
}

// printFields prints an entry's fields as its producer sent them. A value of several lines keeps to its column.
func (p *program) printFields(fields []stream.Field) {
	if len(fields) == 0 {
		return
	}
	facts := make([][2]string, len(fields))
	for i, field := range fields {
		facts[i] = [2]string{"  " + brief(field.Name, 30), cmp.Or(stream.CleanError(field.Value), `""`)}
	}
	p.println("\nfields")
	p.printFacts(facts...)
}
