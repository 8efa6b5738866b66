package stream

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Registration is what a group says of itself in the hash `{S}:groups`, in JSON, so that whoever looks at the stream
// knows what each group is for.
type Registration struct {
	// Kind is what handles the events: a kind of the handlers file, or "go" for a program's own handler.
	Kind string `json:"kind"`
	// Events are the names that the group subscribes to; each may hold `*`, which stands for any run of characters.
	Events []string `json:"events"`
	// Unnamed is the name that entries without one get in this group, or "".
	Unnamed string `json:"unnamed,omitempty"`
	// MaxDeliveries is how often an entry is handed over before it becomes a dead letter.
	MaxDeliveries int `json:"max_deliveries"`
	// Concurrency is how many handlings run at once in one process.
	Concurrency int `json:"concurrency"`
	// TimeoutMs bounds one handling, in milliseconds.
	TimeoutMs int64 `json:"timeout_ms"`
	// LeaseMs is how long a silent consumer keeps what it was handed, in milliseconds.
	LeaseMs int64 `json:"lease_ms"`
	// Emit are the events that the group adds with its outcomes.
	Emit Emit `json:"emit,omitzero"`
	// KeepResults tells that the group keeps what its handler leaves as a result.
	KeepResults bool `json:"keep_results,omitempty"`
	// Seen is when a consumer of the group last swept it, by the server's clock; zero where none has. It is a value of its
	// own in the hash.
	Seen time.Time `json:"-"`
}

// Wants tells whether the group subscribes to events called name.
func (r Registration) Wants(name string) bool {
	return slices.ContainsFunc(r.Events, func(pattern string) bool { return MatchName(pattern, name) })
}

// MatchName tells whether an event's name fits pattern, in which each `*` stands for any run of characters, dots
// included, and everything else for itself.
func MatchName(pattern, name string) bool {
	head, rest, hasStar := strings.Cut(pattern, "*")
	if !hasStar {
		return pattern == name
	}
	name, fits := strings.CutPrefix(name, head)
	if !fits {
		return false
	}
	for {
		part, more, hasMore := strings.Cut(rest, "*")
		if !hasMore {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], more
	}
}

// Nearest returns the one of known that is most like name and near enough to be what was meant, or "" where none is.
func Nearest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	lower := strings.ToLower(name)
	distance := func(candidate string) int { return editDistance(lower, strings.ToLower(candidate)) }
	best := slices.MinFunc(known, func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), strings.Compare(a, b))
	})
	if distance(best) > max(2, len(name)/3) {
		return ""
	}
	return best
}

// editDistance counts the bytes to insert, delete or replace to make b of a (Levenshtein, one row at a time).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
