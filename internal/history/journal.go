package history

import "strings"

// operation is one start or end of a handling. Those of one event in one group are chained from the last to the first.
type operation struct {
	at       int64 // nanoseconds since the history's origin
	previous uint32
	consumer uint32
	outcome  Outcome // 0 for a start
}

// blockLength keeps blocks at 1.5 MiB: few enough to be found fast, small enough that the last one wastes little.
const blockLength = 1 << 16

// journal is a list of operations in blocks, since a slice of this size would be copied whenever it grows.
type journal struct {
	blocks [][]operation
}

// append returns the number of the operation that it added. Numbers begin at 1, so that 0 can mean none.
func (j *journal) append(added operation) uint32 {
	last := len(j.blocks) - 1
	if last < 0 || len(j.blocks[last]) == blockLength {
		j.blocks = append(j.blocks, make([]operation, 0, blockLength))
		last++
	}
	j.blocks[last] = append(j.blocks[last], added)
	return uint32(last*blockLength + len(j.blocks[last]))
}

func (j *journal) operation(number uint32) operation {
	position := number - 1
	return j.blocks[position/blockLength][position%blockLength]
}

// chain appends to a list the operation of that number and all before it, the last first.
func (j *journal) chain(number uint32, list []operation) []operation {
	for number != 0 {
		found := j.operation(number)
		list = append(list, found)
		number = found.previous
	}
	return list
}

// index numbers names in the order in which they come.
type index struct {
	numbers map[string]uint32
	names   []string
}

func newIndex() index {
	return index{numbers: make(map[string]uint32)}
}

// number returns a name's number, and whether the name is new. The name is copied: it may be a part of a long line
// that would be held by it.
func (i *index) number(name string) (number uint32, added bool) {
	if known, found := i.numbers[name]; found {
		return known, false
	}
	number = uint32(len(i.names))
	name = strings.Clone(name)
	i.numbers[name] = number
	i.names = append(i.names, name)
	return number, true
}
