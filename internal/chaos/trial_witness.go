package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// roleWitness is the argument that makes this program a consumer process of a trial; the next one is its consumerSpec.
const roleWitness = "witness"

// The words of a witness beside wordStart, wordOK and wordFailed. What became of a delivery is told in the words of
// consumers.Outcome.
const wordCut = "cut" // the handler's context ended, since the lease was lost

// witness writes down what a consumer process of a trial sees: a line for each thing, "WORD GROUP EVENT_ID DELIVERIES
// NANOSECONDS", in one piece and before anything else happens.
type witness struct{ file *os.File }

// bear runs all groups until ctx ends, as consume does, with handlers that do errands and a witness of everything.
func bear(ctx context.Context, text string) error {
	return bearWith(ctx, text, func(handler consumers.Handler) []consumers.GroupOptions {
		all := groups(handler)
		for i := range all {
			all[i].Timeout, all[i].MaxDeliveries = longErrand, claim.DefaultMaxDeliveries // what is paused must not time out
		}
		return all
	})
}

// bearFollowed is bear with groups that emit events.
func bearFollowed(ctx context.Context, text string) error { return bearWith(ctx, text, followed) }

func bearWith(ctx context.Context, text string, groups func(consumers.Handler) []consumers.GroupOptions) error {
	var spec consumerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fmt.Errorf("read what to consume: %w", err)
	}
	file, err := os.OpenFile(spec.Journal, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the witness' file: %w", err)
	}
	client, err := stream.Open(stream.Options{URL: spec.URL})
	if err != nil {
		return err
	}
	defer client.Close()
	logger, err := zap.NewDevelopment()
	if err != nil {
		return fmt.Errorf("make a logger: %w", err)
	}
	seen := witness{file}
	set, err := consumers.NewSet(client, consumers.Options{
		Consumer: spec.Name, Lease: lease, Grace: grace, Logger: logger, Observe: seen.observe,
	}, groups(seen)...)
	if err != nil {
		return err
	}
	return set.Run(ctx)
}

// longErrand is more than any errand takes, pauses included.
const longErrand = 30 * time.Second

// errand is the data of a trial's event: what its handler is to do.
type errand struct {
	WorkMicroseconds int `json:"work_us"`
	// Deaf goes on when the context ends.
	Deaf bool `json:"deaf,omitempty"`
	// Failures is how many deliveries fail, by an error that is Permanent or not.
	Failures  int  `json:"failures,omitempty"`
	Permanent bool `json:"permanent,omitempty"`
}

func (w witness) write(word, group, eventID string, deliveries int) error {
	line := strings.Join([]string{
		word, group, cmp.Or(url.QueryEscape(eventID), "-"), strconv.Itoa(deliveries),
		strconv.FormatInt(time.Now().UnixNano(), 10),
	}, " ") + "\n"
	if _, err := w.file.WriteString(line); err != nil {
		return fmt.Errorf("write what was seen: %w", err)
	}
	return nil
}

// observe writes down what became of a delivery.
func (w witness) observe(result consumers.Result) {
	_ = w.write(string(result.Outcome), result.Group, result.EventID, result.Deliveries) // the start of the next one tells
}

// Handle does the event's errand.
func (w witness) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	group, id, deliveries := delivery.Group, delivery.ID, delivery.Deliveries
	if err := w.write(wordStart, group, id, deliveries); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), claim.ErrLost) {
			_ = w.write(wordCut, group, id, deliveries) // the line of the end tells
		}
	})
	defer stop()
	word := wordOK
	err := runErrand(ctx, delivery)
	if err != nil {
		word = wordFailed
	}
	return errors.Join(err, w.write(word, group, id, deliveries))
}

func runErrand(ctx context.Context, delivery *consumers.Delivery) error {
	var todo errand
	if json.Unmarshal(delivery.Data, &todo) != nil {
		return nil // not of this trial
	}
	work := time.Duration(todo.WorkMicroseconds) * time.Microsecond
	if todo.Deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if err := rest(ctx, work); err != nil {
		return err
	}
	switch {
	case delivery.Deliveries > todo.Failures:
		return nil
	case todo.Permanent:
		return consumers.Permanent(errTold)
	default:
		return errTold
	}
}

// sighting is one line of a witness.
type sighting struct {
	word, group, eventID, consumer string
	deliveries                     int
	at                             time.Time
}

// readWitness returns what one consumer saw, in its order, from offset on, and where to go on.
func readWitness(path, consumer string, offset int64) ([]sighting, int64, error) {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, offset, nil // it has not begun
	}
	if err != nil {
		return nil, offset, fmt.Errorf("read what was seen: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	if _, err := file.Seek(offset, 0); err != nil {
		return nil, offset, fmt.Errorf("read what was seen: %w", err)
	}
	var all []sighting
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return all, offset, nil //nolint:nilerr // the end, or a line that is being written
		}
		offset += int64(len(line))
		seen, err := parseSighting(line)
		if err != nil {
			return nil, offset, fmt.Errorf("read what %s saw: %w", consumer, err)
		}
		seen.consumer = consumer
		all = append(all, seen)
	}
}

func parseSighting(line string) (sighting, error) {
	words := strings.Fields(line)
	if len(words) != 5 {
		return sighting{}, fmt.Errorf("%q is no line of a witness", line)
	}
	eventID, err := url.QueryUnescape(words[2])
	if err != nil {
		return sighting{}, fmt.Errorf("%q has no event's ID: %w", line, err)
	}
	deliveries, err := strconv.Atoi(words[3])
	if err != nil {
		return sighting{}, fmt.Errorf("%q has no count: %w", line, err)
	}
	nanoseconds, err := strconv.ParseInt(words[4], 10, 64)
	if err != nil {
		return sighting{}, fmt.Errorf("%q has no time: %w", line, err)
	}
	return sighting{
		word: words[0], group: words[1], eventID: eventID, deliveries: deliveries, at: time.Unix(0, nanoseconds),
	}, nil
}
