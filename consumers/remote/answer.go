package remote

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

const (
	// MaxBodyBytes is how much of an answer's body Answer.Err and Answer.Result look at, and so what is worth keeping of it.
	MaxBodyBytes = 4096

	maxQuotedBytes = 300  // of what an error quotes
	maxResultBytes = 4000 // of what is kept as the result of a handling
)

// Answer is what a receiver answered. It may come from anywhere and hold anything.
type Answer struct {
	// Status is the status of HTTP, such as 204.
	Status int
	// RetryAfter is the header Retry-After: whole seconds, or a date as HTTP writes it; "" where there was none.
	RetryAfter string
	// Location is where a redirect points, or "".
	Location string
	// Body is the beginning of the body, of at most MaxBodyBytes.
	Body []byte
	// Hiding takes out of what is repeated of the answer what the receiver repeats of our secrets: see the function Hiding. nil takes
	// out nothing.
	Hiding *strings.Replacer
}

// Err is the verdict that follows from the status: nil for success, and else an error that holds the status and the beginning of
// the body, wrapped by consumers.Permanent or, where the receiver said how long to wait, by consumers.RetryAfter.
func (a Answer) Err(now time.Time) error {
	if a.Status >= 200 && a.Status <= 299 {
		return nil
	}
	err := fmt.Errorf("answered %s", a.describe())
	switch {
	case !worthRetrying(a.Status):
		return consumers.Permanent(err)
	case a.RetryAfter != "":
		if delay := RetryAfter(a.RetryAfter, now); delay > 0 {
			return consumers.RetryAfter(delay, err)
		}
	}
	return err
}

func worthRetrying(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

// RetryAfter reads the header Retry-After (RFC 9110, section 10.2.3), and cuts it to consumers.MaxRetryAfter. What cannot be read,
// a time that has passed and no time at all are zero, which leaves it to the caller: trying at once, again and again, would use up
// every delivery in a moment.
func RetryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if most := int64(consumers.MaxRetryAfter / time.Second); err != nil || seconds > most {
			seconds = most
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), consumers.MaxRetryAfter)
}

// describe prints the status, where a redirect points and how the body begins.
func (a Answer) describe() string {
	text := strconv.Itoa(a.Status)
	if name := http.StatusText(a.Status); name != "" {
		text += " " + name
	}
	if a.Status >= 300 && a.Status <= 399 && a.Location != "" {
		text += ", which points to " + a.hide(target(a.Location)) + ": redirects are not followed"
	}
	if body := a.Quote(); body != "" {
		text += ": " + body
	}
	return text
}

// Quote is how the body begins, fit for an error.
func (a Answer) Quote() string { return Quote([]byte(a.hide(string(a.Body)))) }

func (a Answer) hide(text string) string {
	if a.Hiding == nil {
		return text
	}
	return a.Hiding.Replace(text)
}

// target is where a redirect points, without its query and user, which may be secret.
func target(location string) string {
	parsed, err := url.Parse(location)
	if err != nil {
		return "no URL"
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return Quote([]byte(parsed.String()))
}

// Quote makes the beginning of a text from outside fit for an error: on one line, cut, without control characters.
func Quote(text []byte) string {
	looked := min(len(text), 2*maxQuotedBytes) // enough, unless it is white space for the most part
	clean := stream.CleanError(strings.Join(strings.Fields(string(text[:looked])), " "))
	if len(clean) > maxQuotedBytes || looked < len(text) && clean != "" {
		return start(clean, maxQuotedBytes) + "..."
	}
	return clean
}

// Hiding returns what takes secrets out of a text from outside, before it is quoted or kept: where they stand, it writes an
// ellipsis. Empty secrets are none.
func Hiding(secrets ...string) *strings.Replacer {
	byLength := slices.Clone(secrets)
	// A secret that is part of another would leave the other's rest.
	slices.SortFunc(byLength, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range byLength {
		if secret != "" {
			pairs = append(pairs, secret, "…")
		}
	}
	return strings.NewReplacer(pairs...)
}

// Result is the body as the result of a handling, of at most 4,000 bytes; nil where it is empty or no text.
func (a Answer) Result() []byte {
	text := strings.TrimSpace(start(a.hide(string(a.Body)), maxResultBytes))
	if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, isUnprintable) {
		return nil
	}
	return []byte(text)
}

func isUnprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// start is the first bytes of text, at most so many, without a character that the cut would part.
func start(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
