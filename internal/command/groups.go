package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

func (p *program) groupsCommand() *cobra.Command {
	var output output
	list := func(command *cobra.Command, _ []string) error {
		return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
			return p.listGroups(ctx, client, output)
		})
	}
	groups := &cobra.Command{
		Use:   "groups",
		Short: "Show how the groups stand, or end one",
		Long: "Shows how every group of the stream stands: who works for it, what was not delivered to it yet (LAG),\n" +
			"what is pending, how much of that waits for its next try, and its dead letters.",
		Example: "  millrace groups\n  millrace groups -o json\n  millrace groups rm old_handler",
		Args:    noSuchCommand,
		RunE:    list,
	}
	show := &cobra.Command{
		Use:     "ls",
		Short:   "Show how the groups stand",
		Example: "  millrace groups ls",
		Args:    between(0, 0, "no arguments"),
		RunE:    list,
	}
	output.addTo(groups)
	output.addTo(show)
	groups.AddCommand(show, p.groupsRemoveCommand())
	return groups
}

func (p *program) listGroups(ctx context.Context, client *stream.Client, output output) error {
	status, err := client.Inspect(ctx)
	if err != nil {
		return err
	}
	if output.isJSON() {
		return p.printJSON(status)
	}
	if len(status.Groups) == 0 {
		p.printf("No groups on the stream %s at %s yet: `%s run` creates one for each handler.\n",
			status.Stream, where(client), p.name)
		return nil
	}
	rows := make([][]string, len(status.Groups))
	for i, group := range status.Groups {
		rows[i] = groupRow(status, group)
	}
	p.printTable(columns("GROUP", "KIND", "EVENTS", "STATE", "#CONSUMERS", "#LAG", "#PENDING", "#WAITING", "#DEAD", "OLDEST"),
		rows)
	p.printf("\n%s in %s.\n", whole(status.Length, "entry"), status.Stream)
	return nil
}

func groupRow(status stream.Status, group stream.GroupStatus) []string {
	kind, events := "-", "-"
	if group.Registration != nil {
		kind = group.Registration.Kind
		events = strings.Join(group.Registration.Events, ", ")
	}
	lag := digits(group.Lag)
	if group.LagIsEstimate {
		lag = "~" + lag
	}
	oldest := "-"
	if group.Pending > 0 {
		oldest = ago(status.Time, group.OldestPendingTime)
	}
	return []string{
		oneLine(group.Name), brief(kind, 20), brief(events, 40), groupState(group), digits(alive(group)), lag,
		digits(group.Pending), digits(group.Waiting), digits(group.Dead), oldest,
	}
}

// groupState is whether anybody works for a group.
func groupState(group stream.GroupStatus) string {
	switch {
	case !group.Exists:
		return "missing"
	case alive(group) > 0:
		return "running"
	case group.Registration == nil:
		return "not ours"
	default:
		return "stopped"
	}
}

// findGroup returns how a group stands. The error names the one that was probably meant.
func findGroup(ctx context.Context, client *stream.Client, name string) (stream.GroupStatus, error) {
	groups, err := client.Groups(ctx)
	if err != nil {
		return stream.GroupStatus{}, err
	}
	names := make([]string, len(groups))
	for i, group := range groups {
		if names[i] = plainName(group.Name); group.Name == name {
			return group, nil
		}
	}
	hint := "there is none"
	if len(names) > 0 {
		hint = "expected one of " + strings.Join(names, ", ")
	}
	if nearest := stream.Nearest(name, names); nearest != "" {
		hint = fmt.Sprintf("did you mean %s?", nearest)
	}
	return stream.GroupStatus{}, fmt.Errorf("group %q of the stream %s: %w: %s", name, client.Keys().Stream(),
		stream.ErrNotFound, hint)
}
