package order

import (
	"fmt"
	"strings"
)

// maxFaults is how many faults an error lists: enough to see the pattern, short enough for a log line.
const maxFaults = 20

// Fault is one thing that is wrong with an order.
type Fault struct {
	// Path is where, such as `items[0].quantity`, in the names that the shop used; "" for the data as a whole.
	Path string
	// Problem is what was expected and what was there instead. It never repeats a text of the customer's.
	Problem string
}

// String is `path: problem`.
func (f Fault) String() string {
	if f.Path == "" {
		return f.Problem
	}
	return f.Path + ": " + f.Problem
}

// InvalidError is why Decode refused an order: everything that is wrong with it, in the order in which it was read.
type InvalidError struct {
	// Faults is at least one and at most 20.
	Faults []Fault
	// More counts the faults beyond those.
	More int
}

// Error lists the faults in one line.
func (e *InvalidError) Error() string {
	texts := make([]string, 0, len(e.Faults)+1)
	for _, fault := range e.Faults {
		texts = append(texts, fault.String())
	}
	if e.More > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", e.More))
	}
	return "not a valid order: " + strings.Join(texts, "; ")
}

func (e *InvalidError) add(fault Fault) {
	if len(e.Faults) == maxFaults {
		e.More++
		return
	}
	e.Faults = append(e.Faults, fault)
}
