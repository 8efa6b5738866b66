package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	errID      = errors.New("ERR Invalid stream ID specified as stream command argument")
	errInteger = errors.New("ERR value is not an integer or out of range")
)

// maxNumber bounds counts and times in milliseconds, so that miniredis cannot overflow.
const maxNumber = 9_000_000_000_000

// isID tells whether text is an entry's ID, in full or only its first part.
func isID(text string) bool {
	first, second, isFull := strings.Cut(text, "-")
	if _, err := strconv.ParseUint(first, 10, 64); err != nil {
		return false
	}
	if !isFull {
		return true
	}
	_, err := strconv.ParseUint(second, 10, 64)
	return err == nil
}

// completeID is the whole of an ID for which isID holds, as Redis writes it.
func completeID(text string) string {
	first, second, _ := strings.Cut(text, "-")
	milliseconds, _ := strconv.ParseUint(first, 10, 64)
	sequence, _ := strconv.ParseUint(second, 10, 64)
	return fmt.Sprintf("%d-%d", milliseconds, sequence)
}

// isAbove tells whether an ID, or `milliseconds-*`, can stand above the whole ID last.
func isAbove(id, last string) bool {
	first, second, _ := strings.Cut(id, "-")
	lastFirst, lastSecond, _ := strings.Cut(last, "-")
	if order := compareNumbers(first, lastFirst); order != 0 || second == "*" {
		return order >= 0
	}
	return compareNumbers(second, lastSecond) > 0
}

// compareNumbers compares the halves of IDs; one that is missing is zero.
func compareNumbers(a, b string) int {
	first, _ := strconv.ParseUint(a, 10, 64)
	second, _ := strconv.ParseUint(b, 10, 64)
	return cmp.Compare(first, second)
}

// isBound tells whether text is one end of a range, without the "(" that excludes it.
func isBound(text string) bool { return text == "-" || text == "+" || isID(text) }

// shapeIDs demands IDs from args[from] on.
func shapeIDs(from int) func([]string) error {
	return func(args []string) error {
		for _, id := range args[from:] {
			if !isID(id) {
				return errID
			}
		}
		return nil
	}
}

// addition is an XADD.
type addition struct {
	key    string
	id     string // as given: in full or only its first part, `*`, or `milliseconds-*`
	maxLen int    // -1: not trimmed by length
}

func shapeAdd(args []string) error {
	_, err := parseAdd(args)
	return err
}

func parseAdd(args []string) (addition, error) {
	result := addition{key: args[0], maxLen: -1}
	rest := args[1:]
	if strings.EqualFold(rest[0], "NOMKSTREAM") {
		rest = rest[1:]
	}
	if isTrimmed(rest[0]) {
		length, after, err := parseTrim(rest)
		if err != nil {
			return result, err
		}
		result.maxLen, rest = length, after
	}
	if len(rest) < 3 || len(rest)%2 == 0 {
		return result, errors.New("ERR wrong number of arguments for 'xadd' command: expected an ID, then pairs of field " +
			"and value")
	}
	first, second, _ := strings.Cut(rest[0], "-")
	if rest[0] != "*" && !isID(rest[0]) && !(second == "*" && isID(first)) {
		return result, errID
	}
	result.id = rest[0]
	return result, nil
}

func isTrimmed(word string) bool {
	return strings.EqualFold(word, "MAXLEN") || strings.EqualFold(word, "MINID")
}

// parseTrim reads MAXLEN or MINID with its threshold, and returns the length (-1 for MINID) and what stands after it.
func parseTrim(args []string) (int, []string, error) {
	strategy, rest := args[0], args[1:]
	if len(rest) > 0 && (rest[0] == "=" || rest[0] == "~") {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return 0, nil, errSyntax
	}
	if strings.EqualFold(strategy, "MINID") {
		if !isID(rest[0]) {
			return 0, nil, errID
		}
		return -1, rest[1:], nil
	}
	if !isInteger(rest[0], 0, maxNumber) {
		return 0, nil, errInteger
	}
	length, err := strconv.Atoi(rest[0])
	return length, rest[1:], err
}

func shapeTrim(args []string) error {
	if !isTrimmed(args[1]) {
		return errSyntax
	}
	_, rest, err := parseTrim(args[1:])
	if err != nil {
		return err
	}
	if len(rest) == 0 || len(rest) == 2 && strings.EqualFold(rest[0], "LIMIT") && isInteger(rest[1], 0, maxNumber) {
		return nil
	}
	return errSyntax
}

func shapeRange(args []string) error {
	for _, bound := range args[1:3] {
		if !isBound(strings.TrimPrefix(bound, "(")) {
			return errID
		}
	}
	return shapeCount(args[3:])
}

// shapeCount accepts nothing, or COUNT and a number.
func shapeCount(rest []string) error {
	if len(rest) == 0 {
		return nil
	}
	if len(rest) != 2 || !strings.EqualFold(rest[0], "COUNT") {
		return errSyntax
	}
	if !isInteger(rest[1], 0, maxNumber) {
		return errInteger
	}
	return nil
}

func shapePending(args []string) error {
	rest := args[2:]
	if len(rest) == 0 {
		return nil
	}
	if strings.EqualFold(rest[0], "IDLE") {
		if len(rest) < 2 || !isInteger(rest[1], 0, maxNumber) {
			return errInteger
		}
		rest = rest[2:]
	}
	if len(rest) != 3 && len(rest) != 4 {
		return errSyntax
	}
	if !isBound(rest[0]) || !isBound(rest[1]) {
		return fmt.Errorf("%w; a bound that is excluded by ( is not available on the embedded server", errID)
	}
	if !isInteger(rest[2], 0, maxNumber) {
		return errInteger
	}
	return nil
}

func shapeClaim(args []string) error {
	if !isInteger(args[3], 0, maxNumber) {
		return errInteger
	}
	seen := map[string]bool{}
	rest := args[4:]
	for len(rest) > 0 && isID(rest[0]) {
		if seen[rest[0]] {
			return errors.New("ERR each ID may be claimed once in one command on the embedded server")
		}
		seen[rest[0]] = true
		rest = rest[1:]
	}
	if len(seen) == 0 {
		return errID
	}
	return shapeClaimOptions(rest)
}

func shapeClaimOptions(rest []string) error {
	for len(rest) > 0 {
		switch strings.ToUpper(rest[0]) {
		case "JUSTID":
			rest = rest[1:]
		case "IDLE", "TIME", "RETRYCOUNT":
			if len(rest) < 2 || !isInteger(rest[1], 0, maxNumber) {
				return errInteger
			}
			rest = rest[2:]
		default: // FORCE makes miniredis keep entries that are in no stream
			return notAvailable("'XCLAIM' with this option")
		}
	}
	return nil
}

func shapeAutoclaim(args []string) error {
	if !isInteger(args[3], 0, maxNumber) {
		return errInteger
	}
	if args[4] != "-" && !isID(args[4]) {
		return errID
	}
	rest := args[5:]
	if len(rest) > 0 && strings.EqualFold(rest[len(rest)-1], "JUSTID") {
		rest = rest[:len(rest)-1]
	}
	if len(rest) == 2 && !isInteger(rest[1], 1, maxNumber) {
		return errInteger
	}
	return shapeCount(rest)
}

func shapeGroup(args []string) error {
	switch operation := strings.ToUpper(args[0]); {
	case operation == "CREATE" && len(args) >= 4:
		if args[3] != "$" && !isID(args[3]) {
			return errID
		}
		if len(args) == 5 && !strings.EqualFold(args[4], "MKSTREAM") {
			return errSyntax
		}
		return nil
	case operation == "DESTROY" && len(args) == 3:
		return nil
	case (operation == "CREATECONSUMER" || operation == "DELCONSUMER") && len(args) == 4:
		return nil
	}
	return notAvailable("'XGROUP' in this form")
}

func shapeInfo(args []string) error {
	switch operation := strings.ToUpper(args[0]); {
	case (operation == "STREAM" || operation == "GROUPS") && len(args) == 2:
		return nil
	case operation == "CONSUMERS" && len(args) == 3:
		return nil
	}
	return notAvailable("'XINFO' in this form")
}
