package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/stream"
)

const publishHelp = `Adds an event to the stream and prints the entry's ID. The data is JSON; - reads it from standard input.

Any Redis client can do the same with XADD; this refuses broken JSON, warns of a name that no handler wants, and with
--id may be repeated: for 10 minutes the same ID with the same content is the same entry.`

// publishing is what the flags of publish say.
type publishing struct {
	output     output
	event      stream.Event
	timestamp  string
	headers    []string
	raw        bool
	wait       int
	printRedis bool
}

func (p *program) publishCommand() *cobra.Command {
	var publishing publishing
	command := &cobra.Command{
		Use:   "publish EVENT [JSON|-]",
		Short: "Add an event to the stream",
		Long:  publishHelp,
		Example: `  millrace publish NEW_ORDER_RECEIVED '{"order_id":12345}' --id order-12345
  cat order.json | millrace publish NEW_ORDER_RECEIVED -`,
		Args: between(1, 2, "the event's name and its data"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.publish(command.Context(), args, &publishing)
		},
	}
	flags := command.Flags()
	flags.StringVar(&publishing.event.ID, "id", "", "the event's own unique ID, which makes publishing it twice harmless")
	flags.StringVar(&publishing.event.AggregateID, "aggregate", "", "the business key, such as the order's number")
	flags.StringVar(&publishing.event.To, "to", "", "deliver to this one group")
	flags.StringVar(&publishing.timestamp, "timestamp", "", "when it happened: RFC 3339, or unix seconds or milliseconds")
	flags.StringArrayVar(&publishing.headers, "header", nil, "a header as name=value; may be repeated")
	flags.BoolVar(&publishing.raw, "raw", false, "take the data as it is, JSON or not")
	flags.IntVar(&publishing.wait, "wait", 0, "wait until so many replicas have the event; fail where they do not within 1s")
	addPrintRedis(command, &publishing.printRedis)
	publishing.output.addTo(command)
	return command
}

func (p *program) publish(ctx context.Context, args []string, publishing *publishing) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	if err := p.readEvent(args, publishing); err != nil {
		return err
	}
	event := publishing.event
	if publishing.printRedis {
		keys, err := stream.NewKeys(config.Stream)
		if err != nil {
			return err
		}
		p.printRedis("publish does this in one script that is safe to repeat; repeated, this adds a second entry",
			stream.PublishCommand(keys, event))
		return nil
	}
	return p.withClient(ctx, func(ctx context.Context, client *stream.Client) error {
		published, err := client.Publish(ctx, event, stream.PublishOptions{
			MaxBytes: config.MaxEventBytes, Wait: publishing.wait,
		})
		if err != nil {
			return err
		}
		p.warnUnwanted(ctx, client, event)
		if publishing.output.isJSON() {
			return p.printJSON(map[string]any{"id": published.ID, "repeated": published.Repeated})
		}
		if published.Repeated {
			p.println(published.ID, "repeated")
			return nil
		}
		p.println(published.ID)
		return nil
	})
}

// readEvent fills in what the flags do not hold as it is.
func (p *program) readEvent(args []string, publishing *publishing) (err error) {
	event := &publishing.event
	event.Name = args[0]
	if err := stream.CheckName(event.Name); err != nil {
		return &usageError{err}
	}
	if event.To != "" && stream.CheckGroup(event.To) != nil {
		return usage("--to: %w", stream.CheckGroup(event.To))
	}
	if event.Headers, err = parseHeaders(publishing.headers); err != nil {
		return err
	}
	if event.Time, err = parseTimestamp(publishing.timestamp); err != nil {
		return err
	}
	if len(args) == 1 {
		return nil
	}
	if event.Data, err = p.readData(args[1]); err != nil || publishing.raw {
		return err
	}
	if event.Data = bytes.TrimSpace(event.Data); !json.Valid(event.Data) {
		return usage("the data is no JSON: %s; give --raw to publish it as it is", jsonFault(event.Data))
	}
	return nil
}

// readData takes the data from the argument, or from standard input up to a byte more than is accepted.
func (p *program) readData(argument string) ([]byte, error) {
	if argument != "-" {
		return []byte(argument), nil
	}
	most := int64(p.Config.MaxEventBytes)
	data, err := io.ReadAll(io.LimitReader(p.Stdin, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the data from standard input: %w", err)
	}
	if int64(len(data)) > most {
		return nil, usage("standard input holds more than %s bytes, the limit of MILLRACE_MAX_EVENT_BYTES",
			digits(int(most)))
	}
	return data, nil
}

// jsonFault says where JSON is broken, without repeating any of it.
func jsonFault(data []byte) string {
	var value any
	err := json.Unmarshal(data, &value)
	if syntax, isSyntax := err.(*json.SyntaxError); isSyntax { //nolint:errorlint // Unmarshal returns it unwrapped
		return fmt.Sprintf("at byte %d: %v", syntax.Offset, syntax)
	}
	return fmt.Sprint(err)
}

func parseHeaders(pairs []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, usage("--header %q: expected name=value", pair)
		}
		headers[name] = value
	}
	return headers, nil
}

// parseTimestamp reads what an entry's field `timestamp` may hold.
func parseTimestamp(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	const millisecondsFrom = 100_000_000_000
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || number < 0:
		return time.Time{}, usage("--timestamp %q: expected a time such as 2026-01-31T08:00:00Z, or unix seconds or "+
			"milliseconds", text)
	case number >= millisecondsFrom:
		return time.UnixMilli(number), nil
	default:
		return time.Unix(number, 0), nil
	}
}

// warnUnwanted says so where no handler takes the event, which is a typo more often than not. The event is in the stream
// all the same; a Redis that does not say who is registered is none of the publisher's business.
func (p *program) warnUnwanted(ctx context.Context, client *stream.Client, event stream.Event) {
	registered, err := client.Registered(ctx)
	if err != nil {
		return
	}
	if warning := unwanted(event, registered); warning != "" {
		fmt.Fprintln(p.Stderr, "millrace: warning: "+warning)
	}
}

func unwanted(event stream.Event, registered map[string]stream.Registration) string {
	groups := slices.Sorted(maps.Keys(registered))
	if len(groups) == 0 {
		return "no handler has ever run on this stream: the event waits for the first one"
	}
	if _, known := registered[event.To]; event.To != "" && !known {
		return fmt.Sprintf("no group is called %q%s: nobody will handle the event", event.To, meant(event.To, groups))
	}
	var names []string
	for _, registration := range registered {
		if event.To != "" || registration.Wants(event.Name) {
			return ""
		}
		names = append(names, registration.Events...)
	}
	return fmt.Sprintf("no handler wants %q%s: nobody will handle the event", event.Name, meant(event.Name, names))
}

// meant is the name that was probably meant, for the middle of a sentence, or "".
func meant(name string, known []string) string {
	known = slices.DeleteFunc(slices.Clone(known), func(name string) bool { return strings.Contains(name, "*") })
	if nearest := stream.Nearest(name, known); nearest != "" {
		return fmt.Sprintf(" (did you mean %q?)", nearest)
	}
	return ""
}
