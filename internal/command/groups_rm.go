package command

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

const groupsRemoveHelp = `Ends a group for good: what it has not handled, it never will. Its dead letters are kept, and the
other groups do not notice. Stop its handler first, or it would create the group again.

A group that nobody runs any more keeps events from being trimmed until it is ended.`

func (p *program) groupsRemoveCommand() *cobra.Command {
	var confirmed, printRedis bool
	command := &cobra.Command{
		Use:     "rm GROUP",
		Short:   "End a group for good",
		Long:    groupsRemoveHelp,
		Example: "  millrace groups rm old_handler         # says what would end\n  millrace groups rm old_handler --yes",
		Args:    between(1, 1, "the name of one group"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.withClient(command.Context(), func(ctx context.Context, client *stream.Client) error {
				return p.removeGroup(ctx, client, args[0], confirmed, printRedis)
			})
		},
	}
	addYes(command, &confirmed)
	addPrintRedis(command, &printRedis)
	return command
}

func (p *program) removeGroup(ctx context.Context, client *stream.Client, name string, confirmed, printRedis bool) error {
	group, err := findGroup(ctx, client, name)
	if err != nil {
		return err
	}
	removal := groupRemoval(client.Keys(), group)
	if printRedis {
		p.printRedis("", removal...)
		return nil
	}
	running := alive(group)
	if confirmed && running > 0 {
		return fmt.Errorf("end group %s: it is running, with %s, and would be created again: stop its handler first", plainName(name),
			whole(running, "consumer"))
	}
	p.planGroupRemoval(client, group)
	if !confirmed {
		p.planned()
		return nil
	}
	_, err = client.Redis().TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, command := range removal[1 : len(removal)-1] {
			pipe.Do(ctx, anyWords(command)...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end group %s: %w", plainName(name), err)
	}
	p.println("\nDone.")
	return nil
}

// groupRemoval are the commands that end a group, as one transaction.
func groupRemoval(keys stream.Keys, group stream.GroupStatus) []stream.Command {
	name := group.Name
	commands := []stream.Command{{"MULTI"}}
	if group.Exists {
		commands = append(commands, stream.Command{"XGROUP", "DESTROY", keys.Stream(), name})
	}
	return append(commands,
		stream.Command{"HDEL", keys.Groups(), name, name + ":seen", name + ":checkpoint"},
		stream.Command{"DEL", keys.Attempts(name)},
		stream.Command{"DEL", keys.Consumers(name)},
		stream.Command{"DEL", keys.Sweep(name)},
		stream.Command{"EXEC"},
	)
}

func (p *program) planGroupRemoval(client *stream.Client, group stream.GroupStatus) {
	p.printf("Ending the group %s of the stream %s.\n\n", oneLine(group.Name), client.Keys().Stream())
	pending, lag, dead, running := "none", "none", "none", "none"
	if group.Pending > 0 {
		pending = fmt.Sprintf("%s, %s of them waiting: never handled", digits(group.Pending), digits(group.Waiting))
	}
	if group.Lag > 0 {
		lag = digits(group.Lag) + ": never handled"
	}
	if group.LagIsEstimate {
		lag = "about " + lag
	}
	if group.Dead > 0 {
		dead = fmt.Sprintf("%s, kept in %s", digits(group.Dead), client.Keys().Dead(plainName(group.Name)))
	}
	if count := alive(group); count > 0 {
		running = digits(count) + ": stop the handler first, or it creates the group again"
	}
	p.printFacts([2]string{"pending", pending}, [2]string{"lag", lag}, [2]string{"dead letters", dead},
		[2]string{"consumers", running})
}

func anyWords(command stream.Command) []any {
	words := make([]any, len(command))
	for i, word := range command {
		words[i] = word
	}
	return words
}
