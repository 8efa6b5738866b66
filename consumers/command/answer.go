package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

const (
	// maxAnswerBytes is the longest line that a program may answer with. One that is longer is taken for none, and what has been
	// done is done again: so it is far more than what is kept of an answer.
	maxAnswerBytes = 1 << 20
	// maxResultBytes is how much of a result is kept.
	maxResultBytes = 1 << 10
)

// answer is what a program says about one event.
type answer struct {
	OK         bool            `json:"ok"`
	Result     json.RawMessage `json:"result"`
	Error      string          `json:"error"`
	Permanent  bool            `json:"permanent"`
	RetryAfter json.RawMessage `json:"retry_after"`
}

// errNoAnswer is a line that says neither that the work is done nor that it is not.
var errNoAnswer = errors.New(`expected a line such as {"ok":true} or {"error":"..."}`)

// parseAnswer reads a line that has to be an answer. Names that it does not know are passed over.
func parseAnswer(line []byte) (answer, error) {
	parsed := answer{}
	if err := json.Unmarshal(line, &parsed); err != nil {
		return answer{}, errNoAnswer // what is wrong with it may show what stands in it
	}
	if !parsed.OK && !parsed.failed() {
		return answer{}, errNoAnswer
	}
	return parsed, nil
}

// failed tells whether the answer says that the work is not done; one that says both is taken for a failure.
func (a *answer) failed() bool {
	return a.Error != "" || a.Permanent || len(a.RetryAfter) > 0 && string(a.RetryAfter) != "null"
}

// lastAnswer finds the last line of a program's output that says something of what an answer may.
func lastAnswer(output string) (answer, bool) {
	for line := range backwards(output) {
		parsed := answer{}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &parsed) == nil &&
			(parsed.OK || parsed.failed() || parsed.Result != nil) {
			return parsed, true
		}
	}
	return answer{}, false
}

// backwards yields the lines of text, the last one first, without white space around them.
func backwards(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for start := len(text); start >= 0; {
			text = text[:start]
			start = strings.LastIndexByte(text, '\n')
			if !yield(strings.TrimSpace(text[start+1:])) {
				return
			}
		}
	}
}

// settle makes of the answer what the handler returns: the delivery's result, or an error.
func (a *answer) settle(program string, delivery *consumers.Delivery) error {
	if !a.failed() {
		delivery.Result = a.result()
		return nil
	}
	return a.failure(program, a.Permanent)
}

// failure is the error that the answer tells of.
func (a *answer) failure(program string, permanent bool) error {
	text := a.Error
	if strings.TrimSpace(text) == "" {
		text = "gave no reason"
	}
	err := fmt.Errorf("%s: %s", program, stream.CleanError(text))
	if permanent {
		return consumers.Permanent(err)
	}
	if len(a.RetryAfter) == 0 || string(a.RetryAfter) == "null" {
		return err
	}
	delay, parseErr := parseDelay(a.RetryAfter)
	if parseErr != nil {
		return fmt.Errorf("%w (%w)", err, parseErr)
	}
	return consumers.RetryAfter(delay, err)
}

// parseDelay reads "30s", or a number of seconds.
func parseDelay(value json.RawMessage) (time.Duration, error) {
	var seconds float64
	if json.Unmarshal(value, &seconds) == nil && seconds >= 0 {
		return time.Duration(min(seconds, consumers.MaxRetryAfter.Seconds()) * float64(time.Second)), nil
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		if delay, err := time.ParseDuration(text); err == nil && delay >= 0 {
			return delay, nil
		}
	}
	return 0, errors.New(`its retry_after is no duration such as "30s"`)
}

// result is the result as a text: a string as it is, anything else as JSON, nil for none.
func (a *answer) result() []byte {
	if len(a.Result) == 0 || string(a.Result) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(a.Result, &text) == nil {
		return shorten(text)
	}
	return shorten(string(a.Result))
}

// shorten keeps the beginning of a result, without control characters; nil is none.
func shorten(text string) []byte {
	const dots = "..."
	if len(text) > maxResultBytes {
		text = strings.ToValidUTF8(text[:maxResultBytes-len(dots)], "") + dots
	}
	if text == "" {
		return nil
	}
	return []byte(stream.CleanError(text))
}
