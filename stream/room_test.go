package stream

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/internal/redistest"
)

// inHalves is a scripted connection on which a reply comes in pieces.
type inHalves struct{ *scripted }

func (h inHalves) Read(into []byte) (int, error) { return iotest.HalfReader(h.scripted).Read(into) }

// TestReadIntoARoom reads entries of all sizes into rooms of all sizes, whole and in pieces, and reads on afterwards.
func TestReadIntoARoom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		entries, sizes, sum := make([]string, 1+random.IntN(12)), []int{}, 0
		for number := range entries {
			data := strings.Repeat("a", random.IntN([]int{10, 1000, 60 << 10, 300 << 10}[random.IntN(4)]))
			entries[number] = entryFrame(fmt.Sprint("5-", number), "event", "E0", "data", data)
			sizes = append(sizes, len("event"+"E0"+"data")+len(data))
			sum += sizes[number]
		}
		room, fitting := random.IntN(sum+2), 1
		for left := room - sizes[0]; fitting < len(sizes) && sizes[fitting] <= left; fitting++ {
			left -= sizes[fitting]
		}
		connection := &scripted{answer: replyOf(entries...)}
		reader := scriptedGroupOn(t, connection).Reader()
		if seed%2 == 0 {
			reader = scriptedGroupOn(t, inHalves{connection}).Reader()
		}
		for range 2 { // the second reads into the memory of the first
			deliveries, over, err := reader.Read(t.Context(), Room{Entries: len(entries), Bytes: room}, 0)
			if err != nil || len(deliveries) != fitting || len(over) != len(entries)-fitting {
				t.Fatalf("seed %d: %d and %d deliveries over, %v, want %d of %d: sizes %v into %d bytes",
					seed, len(deliveries), len(over), err, fitting, len(entries), sizes, room)
			}
			for number, delivery := range append(deliveries[:fitting:fitting], over...) {
				wantFields := 0
				if number < fitting {
					wantFields = 2
				}
				want := ID{Ms: 5, Seq: uint64(number)}
				if delivery.ID != want || delivery.Size() != sizes[number] || len(delivery.Fields) != wantFields {
					t.Fatalf("seed %d: entry %d is %v with %d fields and %d bytes, want %d fields and %d bytes",
						seed, number, delivery.ID, len(delivery.Fields), delivery.Size(), wantFields, sizes[number])
				}
			}
		}
	}
}

// TestReadWithoutWhatIsTooLarge keeps of an entry that is too large what tells who has sent it.
func TestReadWithoutWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 3<<20)
	connection := &scripted{answer: replyOf(
		entryFrame("5-0", "event", "E0", "data", large[:100_000]),
		entryFrame("5-1", "data", large, "event", "E1", "event_id", "one", large, "and"),
		entryFrame("5-2", "event", "E2", "data", large[:100_000]),
	)}
	reader := scriptedGroupOn(t, connection).Reader()
	reader.MaxEntryBytes = 1 << 20
	deliveries, over, err := reader.Read(t.Context(), Room{Entries: 3, Bytes: 250_000}, 0)
	if err != nil || len(deliveries) != 3 || len(over) != 0 {
		t.Fatalf("Read: %d and %d deliveries over, %v, want 3: what is left out needs no room", len(deliveries), len(over), err)
	}
	for number, delivery := range deliveries {
		event, err := Decode(delivery.Entry, DecodeOptions{MaxBytes: 1 << 20})
		if event.Name != fmt.Sprint("E", number) || (err == nil) != (number != 1) {
			t.Errorf("entry %d: got %s, %v", number, event.Name, err)
		}
	}
	tooLarge := deliveries[1]
	if event, err := Decode(tooLarge.Entry, DecodeOptions{MaxBytes: 1 << 20}); event.ID != "one" || !strings.HasPrefix(err.Error(), DeadTooLarge) {
		t.Errorf("the large entry: got %+v, %v, want its ID and %s", event, err, DeadTooLarge)
	}
	if tooLarge.Size() <= 2*len(large) || len(tooLarge.Get("data")) > 0 {
		t.Errorf("the large entry: got %d bytes of size and %d of data, want more than %d, and none",
			tooLarge.Size(), len(tooLarge.Get("data")), 2*len(large))
	}
}

// TestReadPassesOverACutReply ends the connection in the middle of what is left out.
func TestReadPassesOverACutReply(t *testing.T) {
	t.Parallel()
	whole := replyOf(entryFrame("5-0", "data", "a"), entryFrame("5-1", "data", strings.Repeat("x", 1<<20)))
	reply := unbounded()
	reply.most = 10
	if _, err := readFrom(&reply, strings.NewReader(whole[:len(whole)-1000])); err != io.ErrUnexpectedEOF { //nolint:errorlint // as it is
		t.Errorf("got error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// TestAdoptIntoARoom takes up lost replies, on each server, as far as there is room.
func TestAdoptIntoARoom(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		client := open(t, url)
		client.Redis().XGroupCreateMkStream(t.Context(), DefaultName, "g", "0")
		group := groupOf(t, client)
		var sizes []int
		for number := range 130 {
			data := strings.Repeat("a", 100*(1+number%5))
			publish(t, client, Event{Name: "E", Data: []byte(data)}, PublishOptions{})
		}
		deliveries, err := group.Read(t.Context(), 130, 0)
		if err != nil || len(deliveries) != 130 {
			t.Fatalf("Read: %d deliveries, %v", len(deliveries), err)
		}
		for _, delivery := range deliveries {
			sizes = append(sizes, delivery.Size())
		}
		for name, test := range map[string]struct {
			room Room
			want int
		}{
			"none":                 {Room{}, 0},
			"for three entries":    {Room{3, math.MaxInt}, 3},
			"for a byte":           {Room{130, 1}, 1},
			"for three and a half": {Room{130, sizes[0] + sizes[1] + sizes[2] + sizes[3]/2}, 3},
			"for all":              {Room{130, 1 << 20}, 130},
			"for a page and more":  {Room{120, 1 << 20}, 120},
		} {
			adopted, over, err := group.Adopt(t.Context(), func(ID) bool { return false }, test.room)
			if err != nil || len(adopted) != test.want || len(adopted)+len(over) != 130 {
				t.Fatalf("room %s: adopted %d, over %d, %v, want %d of 130", name, len(adopted), len(over), err, test.want)
			}
			for number, delivery := range append(adopted, over...) {
				if delivery.ID != deliveries[number].ID || delivery.Deliveries != 1 || (len(delivery.Fields) > 0) != (number < test.want) {
					t.Errorf("room %s: entry %d: got %v with %d fields, delivered %d times, want %v",
						name, number, delivery.ID, len(delivery.Fields), delivery.Deliveries, deliveries[number].ID)
				}
			}
		}
	})
}
