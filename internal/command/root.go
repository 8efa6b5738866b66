package command

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

const rootHelp = `Millrace handles the events of a Redis stream. Every handler is a consumer group of its own, so each one
works at its own pace. Any Redis client adds events:

  redis-cli XADD event_stream '*' event NEW_ORDER_RECEIVED data '{"order_id":12345}'

Without a command it runs all handlers. Configuration is in environment variables, which begin with
MILLRACE_, and in the handlers file; without MILLRACE_REDIS_URL it starts a server in memory, for trying out.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`

// root is the program's command, with all the others below it.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "millrace",
		Short:         "Handles the events of a Redis stream",
		Long:          rootHelp,
		Example:       "  millrace\n  millrace groups\n  millrace event 1763700000000-0",
		Args:          noSuchCommand,
		RunE:          func(command *cobra.Command, _ []string) error { return p.serve(command.Context(), nil) },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error { return misuse(command, err.Error()) })
	root.AddCommand(
		p.runCommand(), p.publishCommand(), p.groupsCommand(), p.pendingCommand(), p.eventCommand(), p.deadCommand(),
		p.trimCommand(), p.checkCommand(), p.versionCommand(),
	)
	return root
}

// noSuchCommand refuses arguments of a command that takes subcommands alone, and says which one was probably meant.
func noSuchCommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range command.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if nearest := stream.Nearest(args[0], names); nearest != "" {
		return usage("unknown command %q: did you mean `%s %s`?", args[0], command.CommandPath(), nearest)
	}
	return usage("unknown command %q: expected one of %s", args[0], strings.Join(names, ", "))
}
