package stream

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ID is the ID of an entry: the server's clock in milliseconds when it was added, and a sequence number within that
// millisecond (Redis Streams, "Entry IDs"). IDs of one stream only ever grow. The zero ID stands before every entry.
type ID struct {
	Ms  uint64
	Seq uint64
}

// ParseID reads an ID as Redis prints it, `1763700000000-0`. The sequence may be missing and is zero then. Anything
// else, `$`, `>` and `-` included, is an error.
func ParseID(text string) (ID, error) {
	ms, rest, ok := cutNumber(text)
	id := ID{Ms: ms}
	if seq, hasSeq := strings.CutPrefix(rest, "-"); ok && hasSeq {
		id.Seq, rest, ok = cutNumber(seq)
	}
	if !ok || rest != "" {
		return ID{}, fmt.Errorf("%q is no entry ID: expected milliseconds-sequence, such as 1763700000000-0", text)
	}
	return id, nil
}

// parseDigits is ParseUint without the leniency: Redis takes no sign and no underscore in an ID.
func parseDigits(text string) (uint64, error) {
	number, rest, ok := cutNumber(text)
	if !ok || rest != "" {
		return 0, strconv.ErrSyntax
	}
	return number, nil
}

// cutNumber reads the digits at the beginning of text. It is not ok where there are none or too many for 64 bits.
func cutNumber(text string) (number uint64, rest string, ok bool) {
	const most, lastDigit = math.MaxUint64 / 10, math.MaxUint64 % 10
	index := 0
	for ; index < len(text) && text[index] >= '0' && text[index] <= '9'; index++ {
		digit := uint64(text[index] - '0')
		if number > most || number == most && digit > lastDigit {
			return 0, text, false
		}
		number = 10*number + digit
	}
	return number, text[index:], index > 0
}

// IDAt is the first ID that an entry added at t can have.
func IDAt(t time.Time) ID {
	return ID{Ms: uint64(max(0, t.UnixMilli()))}
}

// maxIDBytes is the length of the longest ID: two numbers of 20 digits and a hyphen.
const maxIDBytes = 41

// String prints the ID as Redis does.
func (id ID) String() string {
	return string(id.appendTo(make([]byte, 0, maxIDBytes)))
}

func (id ID) appendTo(buffer []byte) []byte {
	buffer = strconv.AppendUint(buffer, id.Ms, 10)
	buffer = append(buffer, '-')
	return strconv.AppendUint(buffer, id.Seq, 10)
}

// idWords are the words of a command that ends with IDs, in memory that is used again. A word that is a pointer to a
// string costs no allocation, where a string would cost two.
type idWords struct {
	words  []any
	texts  []string
	buffer []byte
}

// of returns the words of a command: the first ones, and ids. They are good until it is called again.
func (w *idWords) of(ids []ID, first ...any) []any {
	w.buffer = slices.Grow(w.buffer[:0], maxIDBytes*len(ids)) // so that it does not move
	w.texts = slices.Grow(w.texts[:0], len(ids))[:len(ids)]
	w.words = append(w.words[:0], first...)
	for index, id := range ids {
		begin := len(w.buffer)
		w.buffer = id.appendTo(w.buffer)
		w.texts[index] = textOf(w.buffer[begin:])
		w.words = append(w.words, &w.texts[index])
	}
	return w.words
}

// appendIDs appends ids to the words of a command.
func appendIDs(words []any, ids []ID) []any {
	return append(words, new(idWords).of(ids)...)
}

// MarshalText makes an ID a string in JSON and YAML, as Redis prints it.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Time is when the entry was added, by the server's clock. An ID that a producer made up may stand for a time after the
// year 9999, which is that year's end then.
func (id ID) Time() time.Time {
	return timeAt(int64(min(id.Ms, lastMillisecond))).Local()
}

// IsZero tells whether id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// Compare is negative where id was added before other, zero where they are the same, and positive after it.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// Next is the smallest ID above id. The largest ID is its own Next.
func (id ID) Next() ID {
	switch {
	case id.Seq < math.MaxUint64:
		return ID{Ms: id.Ms, Seq: id.Seq + 1}
	case id.Ms < math.MaxUint64:
		return ID{Ms: id.Ms + 1}
	default:
		return id
	}
}

// Previous is the largest ID below id. The zero ID is its own Previous.
func (id ID) Previous() ID {
	switch {
	case id.Seq > 0:
		return ID{Ms: id.Ms, Seq: id.Seq - 1}
	case id.Ms > 0:
		return ID{Ms: id.Ms - 1, Seq: math.MaxUint64}
	default:
		return id
	}
}
