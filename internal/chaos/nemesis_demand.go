package main

import (
	"fmt"
	"io"
	"slices"
)

// demanding is a nemesis that takes more than a redis-server, and so strikes only where it is named.
type demanding interface {
	nemesis
	// missing says what it takes and is not there, and how to get it; "" is nothing. dir is the run's.
	missing(dir string) string
	// prepare is called before Redis starts; what it sets up, it adds to what the run undoes at its end.
	prepare(w *world) error
}

// onDemand are the nemeses that are not among those of every run.
func onDemand() []demanding { return []demanding{fullDisk{}, jumpClock{}} }

// demanded are those of onDemand that are named.
func demanded(names []string) []demanding {
	return slices.DeleteFunc(onDemand(), func(each demanding) bool { return !slices.Contains(names, each.name()) })
}

// possible returns the names without those whose nemeses miss something, and says which on out. An error says that none
// is left.
func possible(names []string, dir string, out io.Writer) ([]string, error) {
	left := slices.Clone(names)
	for _, each := range demanded(names) {
		if missing := each.missing(dir); missing != "" {
			fmt.Fprintf(out, "%s: skipped: %s\n", each.name(), missing)
			left = slices.DeleteFunc(left, func(name string) bool { return name == each.name() })
		}
	}
	if len(names) > 0 && len(left) == 0 {
		return nil, fmt.Errorf("nothing was tried: all of %v were skipped", names)
	}
	return left, nil
}
