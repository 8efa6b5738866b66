package simulation

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// seed makes everything that chance decides in a run.
type seed uint64

// random returns the numbers that belong to one thing, such as the third renewal of the second process. They depend on
// the seed and on that thing alone, so that the order in which goroutines come to ask makes no difference.
func (s seed) random(thing ...any) *rand.Rand {
	sum := fnv.New64a()
	_, _ = fmt.Fprintln(sum, thing...) // a hash takes everything
	return rand.New(rand.NewPCG(uint64(s), sum.Sum64()))
}

// between draws a time from least up to most.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Float64()*float64(most-least))
}

// chance is true with this probability.
func chance(random *rand.Rand, probability float64) bool { return random.Float64() < probability }
