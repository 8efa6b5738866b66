package child

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/system"
)

// runRole is the table of the roles.
func runRole(ctx context.Context, spec Spec, parent *parent) (Report, error) {
	system, err := system.ByName(spec.System)
	if err != nil {
		return Report{}, err
	}
	switch spec.Role {
	case RoleFill:
		return fill(ctx, spec, system, parent)
	case RoleConsume:
		return consume(ctx, spec, system, parent)
	case RolePublish:
		return publish(ctx, spec, system, parent)
	case RoleProduce:
		return produce(ctx, spec, system, parent)
	default:
		return Report{}, fmt.Errorf("there is no role %q", spec.Role)
	}
}

// fill makes the groups ready and stores the backlog, if the run has one.
func fill(ctx context.Context, spec Spec, sys system.System, parent *parent) (Report, error) {
	if err := parent.awaitGo(ctx); err != nil {
		return Report{}, err
	}
	if err := sys.Prepare(ctx, spec.Target); err != nil {
		return Report{}, fmt.Errorf("prepare: %w", err)
	}
	if err := system.Fill(ctx, sys, spec.Target, slices.Values(events(spec))); err != nil {
		return Report{}, fmt.Errorf("fill: %w", err)
	}
	return Report{}, nil
}

// events are those of the run.
func events(spec Spec) []order.Event {
	return order.Many(spec.Events, cmp.Or(spec.DataBytes, order.DefaultDataBytes))
}

// measure runs what is to be measured and puts times and usage into report.
func measure(spec Spec, report *Report, run func() (ended time.Time, err error)) error {
	if spec.CPUProfile != "" {
		stop, err := profile(spec.CPUProfile)
		if err != nil {
			return err
		}
		defer stop()
	}
	before, err := takeUsage()
	if err != nil {
		return err
	}
	report.Began = time.Now()
	if report.Ended, err = run(); err != nil {
		return err
	}
	after, err := takeUsage()
	report.Usage = after.since(before)
	return err
}

// profile writes a profile until stop is called.
func profile(path string) (stop func(), err error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("begin the profile: %w", err), file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close() // a profile that is cut short does not open
	}, nil
}
