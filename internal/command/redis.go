package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

// addPrintRedis adds the flag that shows the Redis commands of what would be done.
func addPrintRedis(command *cobra.Command, target *bool) {
	command.Flags().BoolVar(target, "print-redis", false, "print the Redis commands that would do the same, and do nothing")
}

// addYes adds the flag without which a command prints its plan and does nothing.
func addYes(command *cobra.Command, target *bool) {
	command.Flags().BoolVar(target, "yes", false, "do it; without this the plan is printed and nothing is done")
}

// printRedis prints commands for redis-cli, under a remark on what differs from doing it by this program.
func (p *program) printRedis(remark string, commands ...stream.Command) {
	if remark != "" {
		p.println("# " + remark)
	}
	for _, command := range commands {
		p.println(command)
	}
}

// planned ends a plan that was not carried out. Standard output is kept for what was asked.
func (p *program) planned() { fmt.Fprintln(p.Stderr, "\nNothing was done: add --yes to do it.") }
