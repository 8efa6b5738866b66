package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal" //nolint:depguard // this is main
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
	"github.com/millrace/millrace/bench/internal/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run is the whole program: the parent, one of its children, or the NATS server.
func run(ctx context.Context, args []string, in io.Reader, out, faults io.Writer) error {
	if len(args) > 0 && args[0] == child.Argument {
		return child.Main(ctx, in, out)
	}
	if len(args) == 2 && args[0] == server.NATSArgument {
		return server.ServeNATS(ctx, args[1], out)
	}
	options, chosen, list, err := parse(args, faults)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if list {
		printList(out)
		return nil
	}
	return measure(ctx, options, chosen, out)
}

// parse reads the command line: the flags, and the names of the workloads.
func parse(args []string, faults io.Writer) (options workload.Options, chosen []workload.Workload, list bool, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.IntVar(&options.Rounds, "rounds", 5, "how often each system is measured; -quick makes it 1")
	flags.BoolVar(&options.Quick, "quick", false, "small sizes and one round: a smoke test, its figures mean nothing")
	flags.BoolVar(&options.Peers, "peers", false, "measure the other libraries too")
	flags.StringVar(&options.CPUProfile, "cpuprofile", "", "write a CPU profile of Millrace in the last round to this file")
	flags.BoolVar(&list, "list", false, "list workloads and systems")
	systems := flags.String("systems", "", "measure only these systems (names with commas between them)")
	if err := flags.Parse(args); err != nil {
		return options, nil, false, err
	}
	if options.Quick {
		options.Rounds = 1
	}
	if options.Rounds < 1 {
		return options, nil, false, fmt.Errorf("-rounds: expected at least 1, got %d", options.Rounds)
	}
	if *systems != "" {
		options.Systems = strings.Split(*systems, ",")
	}
	for _, name := range options.Systems {
		if _, err := system.ByName(name); err != nil {
			return options, nil, false, err
		}
	}
	chosen, err = choose(flags.Args())
	return options, chosen, list, err
}

// choose finds workloads by their names; none means all.
func choose(names []string) ([]workload.Workload, error) {
	all := workload.All()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []workload.Workload
	for _, name := range names {
		index := slices.IndexFunc(all, func(one workload.Workload) bool { return one.Name == name })
		if index < 0 {
			return nil, fmt.Errorf("there is no workload %q: `go run . -list` names them", name)
		}
		chosen = append(chosen, all[index])
	}
	return chosen, nil
}

func printList(out io.Writer) {
	fmt.Fprintln(out, "Workloads:")
	for _, workload := range workload.All() {
		fmt.Fprintf(out, "  %-10s %s\n", workload.Name, workload.About)
	}
	fmt.Fprintln(out, "Systems:")
	for _, system := range system.All() {
		fmt.Fprintf(out, "  %s\n", system.Name())
	}
}

// measure runs the workloads one after the other. One that fails does not keep the others from running.
func measure(ctx context.Context, options workload.Options, chosen []workload.Workload, out io.Writer) error {
	bench := workload.NewBench(options)
	defer bench.Close()
	fmt.Fprintf(out, "# Millrace: measured %s, %s, %d processors, %d rounds\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), options.Rounds)
	var faults []error
	for _, workload := range chosen {
		tables, err := workload.Run(ctx, bench)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", workload.Name, err))
		}
		for _, table := range tables {
			table.Print(out)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(faults...)
}
