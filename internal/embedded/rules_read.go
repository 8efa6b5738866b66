package embedded

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// maxBlock is the longest BLOCK, in milliseconds: about a day.
const maxBlock = 100_000_000

// readOptions are those of an XREAD or an XREADGROUP.
type readOptions struct {
	group      string // "" for XREAD
	keys, ids  []string
	count      int // as given
	countAt    int // where the number stands in the arguments; 0: there is none
	blocks     bool
	withoutAck bool
}

func shapeRead(args []string) error {
	options, err := parseRead(args)
	if err != nil {
		return err
	}
	if options.group != "" {
		return errSyntax
	}
	for _, id := range options.ids {
		if id != "$" && !isID(id) {
			return errID
		}
	}
	return nil
}

func shapeReadGroup(args []string) error {
	options, err := parseRead(args)
	if err != nil {
		return err
	}
	if !strings.EqualFold(args[0], "GROUP") {
		return errSyntax
	}
	for _, id := range options.ids {
		if id != ">" && !isID(id) {
			return errID
		}
	}
	return nil
}

// parseRead reads everything up to the IDs, and checks all but those.
func parseRead(args []string) (readOptions, error) {
	var options readOptions
	at := 0
	if strings.EqualFold(args[0], "GROUP") && len(args) >= 3 {
		options.group, at = args[1], 3
	}
	for at < len(args) {
		switch strings.ToUpper(args[at]) {
		case "STREAMS":
			return options.withStreams(args[at+1:])
		case "NOACK":
			options.withoutAck = true
			at++
		case "COUNT", "BLOCK":
			if err := options.setNumber(args, at); err != nil {
				return options, err
			}
			at += 2
		default:
			return options, errSyntax
		}
	}
	return options, errSyntax
}

func (o *readOptions) setNumber(args []string, at int) error {
	if at+1 == len(args) {
		return errSyntax
	}
	if !isInteger(args[at+1], 0, maxBlock) {
		return errInteger
	}
	if strings.EqualFold(args[at], "BLOCK") {
		o.blocks = true
		return nil
	}
	o.countAt = at + 1
	count, err := strconv.Atoi(args[at+1])
	o.count = count
	return err
}

// withStreams takes the keys and their IDs. miniredis answers wrongly where a key stands twice.
func (o readOptions) withStreams(rest []string) (readOptions, error) {
	if len(rest) == 0 || len(rest)%2 != 0 {
		return o, errors.New("ERR Unbalanced list of streams: for each stream key an ID must be specified")
	}
	o.keys, o.ids = rest[:len(rest)/2], rest[len(rest)/2:]
	seen := map[string]bool{}
	for _, key := range o.keys {
		if seen[key] {
			return o, errors.New("ERR each stream may be read once in one command on the embedded server")
		}
		seen[key] = true
	}
	return o, nil
}

// limitCount returns args with a COUNT of at most most, or nil where they have one already.
func (o readOptions) limitCount(args []string, most int) []string {
	if o.countAt == 0 {
		return slices.Insert(slices.Clone(args), 3, "COUNT", strconv.Itoa(most))
	}
	if o.count > 0 && o.count <= most {
		return nil
	}
	limited := slices.Clone(args)
	limited[o.countAt] = strconv.Itoa(most)
	return limited
}
