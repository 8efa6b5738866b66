package history

import (
	"cmp"
	"slices"
)

// handling is one run of a handler, from its start to its end, in nanoseconds since the history's origin.
type handling struct {
	start   int64
	end     int64
	outcome Outcome // 0 where no end was recorded
}

// handlings collects what was done with one event in one group. Its lists are used again for the next event.
type handlings struct {
	operations []operation
	list       []handling // by start, then by end
}

// collect pairs the starts and ends of an event whose last operation has that number.
func (h *handlings) collect(journal *journal, last uint32, deaths []int64) {
	h.list = h.list[:0]
	h.operations = journal.chain(last, h.operations[:0])
	slices.SortFunc(h.operations, compareOperations)
	for begin := 0; begin < len(h.operations); {
		end := begin + 1
		for end < len(h.operations) && h.operations[end].consumer == h.operations[begin].consumer {
			end++
		}
		h.pair(h.operations[begin:end], deaths[h.operations[begin].consumer])
		begin = end
	}
	slices.SortFunc(h.list, func(a, b handling) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
}

// compareOperations puts one consumer's operations together, in the order of time. At one instant starts come first,
// so that a handling without length has its start before its end; pair keeps the rest right. The order of what is equal
// makes no difference to any fault: only which of two handlings that ended together is said to have failed.
func compareOperations(a, b operation) int {
	return cmp.Or(
		cmp.Compare(a.consumer, b.consumer),
		cmp.Compare(a.at, b.at),
		cmp.Compare(min(a.outcome, 1), min(b.outcome, 1)),
	)
}

// pair appends one consumer's handlings. Each end belongs to the oldest start that has none; what is left open ends with
// the consumer.
func (h *handlings) pair(operations []operation, death int64) {
	open := len(h.list)
	for _, operation := range operations {
		switch {
		case operation.outcome == 0:
			h.list = append(h.list, handling{start: operation.at, end: max(operation.at, death)})
		case open < len(h.list):
			h.list[open].end, h.list[open].outcome = operation.at, operation.outcome
			open++
		default:
			h.list = append(h.list, handling{start: operation.at, end: operation.at, outcome: operation.outcome})
			open++
		}
	}
}

// firstSuccess returns the position of the handling that succeeded first, or -1.
func (h *handlings) firstSuccess() int {
	first := -1
	for position, handling := range h.list {
		if handling.outcome == Succeeded && (first < 0 || handling.end < h.list[first].end) {
			first = position
		}
	}
	return first
}

// repeats counts the handlings that started after the first success. What began and failed at the very instant of the
// success may have come before it, and is not counted.
func (h *handlings) repeats() int {
	first := h.firstSuccess()
	if first < 0 {
		return 0
	}
	success, repeats := h.list[first].end, 0
	for position, handling := range h.list {
		sameInstant := handling.start == success && (handling.end > success || handling.outcome == Succeeded)
		if position != first && (handling.start > success || sameInstant) {
			repeats++
		}
	}
	return repeats
}

// overlap says whether two handlings shared some time. Neighbours suffice: as long as none overlap, their ends are in
// order too, so the handling before is the one that ended last.
func (h *handlings) overlap() bool {
	for position := 1; position < len(h.list); position++ {
		if h.list[position].start < h.list[position-1].end {
			return true
		}
	}
	return false
}

// unsuccessful says whether some handling failed, died with its consumer or never returned.
func (h *handlings) unsuccessful() bool {
	return slices.ContainsFunc(h.list, func(each handling) bool { return each.outcome != Succeeded })
}
