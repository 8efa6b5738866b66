package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// adversary decides what goes wrong in a run, until it heals.
type adversary struct {
	seed  seed
	lease time.Duration
	heals time.Time
	rates rates

	mu      sync.Mutex
	strikes []strike
}

// rates are how likely each fault of a command is.
type rates struct {
	refused, lost, late, slow float64
	// favourite is a kind of command that is struck four times as often; "" is none.
	favourite string
}

// strike is a fault as it happened: it lasts until the process can know that it is over and nothing of it is under way.
type strike struct {
	process  int
	group    string // "" where it concerns all groups of the process
	from, to time.Time
	what     string
}

// fate is what becomes of one command.
type fate struct {
	refused bool          // the connection breaks before it is sent
	lost    bool          // it is done, and the connection breaks before the reply
	silent  bool          // with lost: the connection does not break, but says nothing
	before  time.Duration // how late the command comes to the server
	after   time.Duration // how late the reply comes back
}

var kindsOfCommands = []string{"XREADGROUP", "XACK", "ack", "renew", "release", "sweep", "give_up", "adopt", "begin", "leave"}

func newAdversary(seed seed, lease time.Duration, heals time.Time) *adversary {
	random := seed.random("rates")
	draw := func() float64 {
		if chance(random, 0.4) {
			return 0
		}
		return 0.2 * random.Float64() * random.Float64()
	}
	a := &adversary{seed: seed, lease: lease, heals: heals}
	a.rates = rates{refused: draw(), lost: draw(), late: draw(), slow: draw()}
	if chance(random, 0.5) {
		a.rates.favourite = kindsOfCommands[random.IntN(len(kindsOfCommands))]
	}
	return a
}

// judge decides about a command of a process, the number-th of its kind.
func (a *adversary) judge(process *process, command command, number int) fate {
	random := a.seed.random("command", process.number, command.kind, number)
	fate := fate{before: between(random, 100*time.Microsecond, 500*time.Microsecond)}
	now := time.Now()
	if process.number == 0 || !now.Before(a.heals) {
		return fate
	}
	if cut := process.cutFor(now); cut > 0 {
		a.cutOff(&fate, random, cut)
	} else {
		a.spoil(&fate, random, command.kind)
	}
	a.note(process, command, number, fate)
	return fate
}

// cutOff lets a command end at once, or be done when the cut is over: what TCP does in either case.
func (a *adversary) cutOff(fate *fate, random *rand.Rand, cut time.Duration) {
	if chance(random, 0.5) {
		fate.refused = true
	} else {
		fate.before += cut
	}
}

func (a *adversary) spoil(fate *fate, random *rand.Rand, kind string) {
	often := 1.0
	if kind == a.rates.favourite {
		often = 4
	}
	fate.refused = chance(random, often*a.rates.refused)
	if chance(random, often*a.rates.lost) {
		fate.lost, fate.silent = true, chance(random, 0.3)
	}
	if chance(random, often*a.rates.late) {
		fate.before += a.delay(random)
	}
	if chance(random, often*a.rates.slow) {
		fate.after += a.delay(random)
	}
}

// delay is mostly some part of a lease, and at times more than one.
func (a *adversary) delay(random *rand.Rand) time.Duration {
	if chance(random, 0.3) {
		return between(random, a.lease/2, 3*a.lease)
	}
	return between(random, 0, a.lease/2)
}

// silence is how long a client waits at most for a reply that does not come.
const silence = 3500 * time.Millisecond

func (a *adversary) note(process *process, command command, number int, fate fate) {
	what := fmt.Sprintf("%s number %d of process %d", command.kind, number, process.number)
	struck := strike{process: process.number, group: command.group, from: time.Now()}
	struck.to = struck.from.Add(fate.before + fate.after)
	switch {
	case fate.refused:
		struck.what = what + " is refused"
	case fate.lost && fate.silent:
		struck.what, struck.to = what+" is done, its reply never comes", struck.to.Add(silence)
	case fate.lost:
		struck.what = what + " is done, its reply is lost"
	case fate.before+fate.after > time.Millisecond:
		struck.what = fmt.Sprintf("%s comes %v late, its reply %v", what, fate.before, fate.after)
	default:
		return
	}
	a.add(struck)
}

func (a *adversary) add(struck strike) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.strikes = append(a.strikes, struck)
}

// disturbed tells whether anything kept a process from the server between two times in what it did for a group.
func (a *adversary) disturbed(process int, group string, from, to time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.strikes, func(s strike) bool {
		return s.process == process && (s.group == group || s.group == "") && !s.from.After(to) && !s.to.Before(from)
	})
}

// count is how many faults struck a group's commands or whole processes.
func (a *adversary) count(group string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := 0
	for _, strike := range a.strikes {
		if strike.group == group || strike.group == "" {
			count++
		}
	}
	return count
}

// misfortune is what happens to a whole process.
type misfortune string

const (
	kill misfortune = "kill" // it ends at once, and another one is started
	stop misfortune = "stop" // it is told to stop, and another one is started
	cut  misfortune = "cut"  // it cannot reach the server for a while
)

// stroke is one misfortune: which place's process it strikes, and for how long the place is empty or cut off.
type stroke struct {
	at    time.Duration
	place int
	what  misfortune
	lasts time.Duration
}

// schedule draws the misfortunes, in the order of time.
func (a *adversary) schedule(places int, during time.Duration) []stroke {
	random := a.seed.random("schedule")
	strokes := make([]stroke, random.IntN(5))
	for i := range strokes {
		strokes[i] = stroke{
			at:    between(random, a.lease/4, during),
			place: random.IntN(places),
			what:  []misfortune{kill, kill, stop, cut}[random.IntN(4)],
			lasts: between(random, 0, 2*a.lease),
		}
	}
	slices.SortFunc(strokes, func(a, b stroke) int { return int(a.at - b.at) })
	return strokes
}
