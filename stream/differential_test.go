package stream_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

var (
	differentialSeeds = flag.Int("differential.seeds", 10, "how many sequences of operations TestServersAgree tries")
	differentialSeed  = flag.Uint64("differential.seed", 0, "the seed of the first sequence; 0 takes it from the clock")
)

// sequenceLength is how many operations one sequence has.
const sequenceLength = 80

// TestServersAgree carries out the same random operations on every kind of server in step, and demands of each the same
// replies and the same state after each of them. The first server is the installed redis-server; the embedded one and
// those that MILLRACE_TEST_REDIS_SERVERS names are compared with it. What is known to differ stands in knownDifferences.
func TestServersAgree(t *testing.T) {
	t.Parallel()
	sides := startSides(t)
	first := *differentialSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	tally := map[string]int{}
	for seed := first; seed < first+uint64(*differentialSeeds); seed++ {
		steps := sequenceOf(seed)
		fault := play(t, sides, steps, tally)
		if fault == nil {
			continue
		}
		shortest := shrink(t, sides, steps[:fault.step+1], fault)
		t.Fatalf("seed %d (repeat with -differential.seeds 1 -differential.seed %d):\n%s", seed, seed, shortest)
	}
	t.Logf("%d sequences of %d operations from seed %d on %s agree; known differences: %v",
		*differentialSeeds, sequenceLength, first, strings.Join(names(sides), ", "), tally)
}

func startSides(t *testing.T) []*side {
	t.Helper()
	installed := redistest.Start(t)
	sides := []*side{
		newSide(t, installed.Version(), installed.URL()),
		newSide(t, embeddedName, redistest.StartEmbedded(t, stream.ScriptTexts())),
	}
	for _, other := range redistest.StartOthers(t) {
		sides = append(sides, newSide(t, other.Version(), other.URL()))
	}
	return sides
}

func names(sides []*side) []string {
	all := make([]string, len(sides))
	for i, side := range sides {
		all[i] = side.name
	}
	return all
}

// step is one operation of a sequence and the seed of its decisions.
type step struct {
	operation operation
	seed      uint64
}

func sequenceOf(seed uint64) []step {
	random := rand.New(rand.NewPCG(seed, 0))
	all := operations()
	total := 0
	for _, operation := range all {
		total += operation.weight
	}
	steps := make([]step, sequenceLength)
	for i := range steps {
		at := random.IntN(total)
		for _, operation := range all {
			if at -= operation.weight; at < 0 {
				steps[i] = step{operation: operation, seed: random.Uint64()}
				break
			}
		}
	}
	for at := 0; at < 6 && random.IntN(10) > 0; at++ { // most sequences begin with groups that have entries pending
		steps[at].operation = one(dice{Rand: random}, opening[at]...)
	}
	return steps
}

// opening is what most sequences begin with.
var opening = [][]operation{
	{{name: "XADD", run: addForeign}, {name: "ensure groups", run: ensureGroups}},
	{{name: "ensure groups", run: ensureGroups}},
	{{name: "publish a batch", run: publishSeveral}},
	{{name: "XADD", run: addForeign}},
	{{name: "read", run: readNew}},
	{{name: "read", run: readNew}},
}

// disagreement is what a server did otherwise than the first one, and everything that was done until then.
type disagreement struct {
	step        int
	server      string
	history     []string
	differences []difference
}

func (d *disagreement) String() string {
	var text strings.Builder
	for i, line := range d.history {
		fmt.Fprintf(&text, "%3d. %s\n", i+1, line)
	}
	fmt.Fprintf(&text, "%s then differs in:\n", d.server)
	for _, difference := range d.differences {
		fmt.Fprintf(&text, "%s\n", difference)
	}
	return text.String()
}

// play carries out steps on all sides, beginning with empty servers, and returns the first disagreement, or nil. What is
// known to differ is counted in tally; a server that it has left in another state parts from this sequence.
func play(t *testing.T, sides []*side, steps []step, tally map[string]int) *disagreement {
	t.Helper()
	for _, side := range sides {
		if err := side.reset(); err != nil {
			t.Fatalf("empty %s: %v", side.name, err)
		}
	}
	state := &view{}
	var history []string
	parted := map[*side]bool{}
	for i, step := range steps {
		afterThisMillisecond()
		var want dump
		var wantCame string
		next := state
		for number, side := range sides {
			if parted[side] {
				continue
			}
			side.fell = nil
			did, came := step.operation.run(side, dice{Rand: rand.New(rand.NewPCG(step.seed, 0)), view: state})
			got, err := side.dump()
			if err != nil {
				t.Fatalf("%s after %s %s: %v", side.name, step.operation.name, did, err)
			}
			if number == 0 {
				want, wantCame, next = got, came, &got.view
				history = append(history, fmt.Sprintf("%s: %s\n       -> %s", step.operation.name, did, came))
				continue
			}
			if slices.Contains(claimsNothing, step.operation.name) && side.sameNames(want.view, got.view) {
				tally[side.name+" "+otherNames]++
				if got, err = side.dump(); err != nil {
					t.Fatal(err)
				}
			}
			inState := differences(want, got)
			found := inState
			if came != wantCame {
				found = append(found, difference{where: reply, want: wantCame, got: came + side.inItsWords()})
			}
			if len(found) == 0 {
				continue
			}
			reason := known(side.name, step.operation.name, found)
			if reason == "" {
				return &disagreement{step: i, server: side.name, history: history, differences: found}
			}
			tally[reason]++
			parted[side] = len(inState) > 0
		}
		state = next
	}
	return nil
}

// shrink drops steps for as long as the same server still disagrees, one after the other from the end.
func shrink(t *testing.T, sides []*side, steps []step, fault *disagreement) *disagreement {
	t.Helper()
	for at := len(steps) - 2; at >= 0; at-- {
		shorter := append(append([]step{}, steps[:at]...), steps[at+1:]...)
		if again := play(t, sides, shorter, map[string]int{}); again != nil && again.server == fault.server {
			steps, fault = shorter[:again.step+1], again
			at = min(at, len(steps)-1)
		}
	}
	return fault
}
