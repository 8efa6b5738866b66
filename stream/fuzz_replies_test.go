package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// operations are what asks Redis for something that a script or an inspection answers. Each returns what it came to, and
// a complaint where that cannot be.
var operations = []func(context.Context, *Group) (result any, complaint string, err error){
	func(ctx context.Context, group *Group) (any, string, error) {
		swept, err := group.Sweep(ctx, SweepRequest{Room: 10, MaxDeliveries: 3})
		return swept.Buried, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		adopted, _, err := group.adopt(ctx, []Delivery{{Entry: Entry{ID: testID}}}, Room{Entries: 1})
		return nil, unless(err != nil || adopted != nil, "no error and no list"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		lost, err := group.AckOwned(ctx, []Settled{{ID: testID}}, 0)
		return lost, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		lost, err := group.Release(ctx, []Release{{ID: testID, Tries: 1, Reason: RetryFailed}})
		return lost, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		given, err := group.GiveUp(ctx, GiveUp{ID: testID, Reason: DeadMaxDeliveries})
		return given, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		settlement, err := group.Emitting(Emit{Acked: "DONE"}).Settle(ctx, []Settled{{ID: testID}}, Keep{Results: time.Hour})
		return settlement, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		markers, err := group.Begin(ctx, []Settled{{ID: testID, Event: "E", EventID: "1"}, {ID: testID.Next(), Event: "E", EventID: "2"}}, time.Hour)
		return nil, unless(err != nil || len(markers) == 2, "not one marker for each entry"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		gone, err := group.Leave(ctx)
		return gone, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		requeued, err := group.client.requeue(ctx, "g", requeuePlan{Requeued{ID: testID}, []Field{{"event", "E"}}})
		return requeued, unless(err != nil || requeued.EntryID.IsZero() == requeued.Gone, "requeued and gone"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		ensured, err := group.client.EnsureGroups(ctx, []GroupSpec{{Name: "g"}, {Name: "h"}})
		return ensured, unless(err != nil || len(ensured) == 2, "not one answer for each group"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		trimmed, err := group.client.Trim(ctx, time.Hour, true)
		return trimmed, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		published, err := group.client.PublishBatch(ctx, []Event{{Name: "E"}, {Name: "F"}}, PublishOptions{})
		return published, unless(err != nil || len(published) == 2, "not one ID for each event"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		registered, err := group.client.Registered(ctx)
		return registered, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		status, err := group.client.Inspect(ctx)
		sorted := slices.IsSortedFunc(status.Groups, func(a, b GroupStatus) int { return strings.Compare(a.Name, b.Name) })
		return status, unless(sorted, "groups that are not sorted"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		status, err := group.client.Event(ctx, testID)
		return status, unless(err != nil || status.ID == testID, "another entry"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		pending, err := group.client.Pending(ctx, "g", ID{}, 2)
		return pending, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		letter, err := group.client.DeadLetter(ctx, "g", testID)
		return letter, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		lost, err := group.Renew(ctx, []ID{testID, testID.Next()})
		return lost, unless(err == nil || lost == nil, "a loss and an error"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		published, err := group.client.Publish(ctx, Event{Name: "E", ID: "1"}, PublishOptions{})
		return published, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		published, err := group.client.Publish(ctx, Event{Name: "E", ID: "1"}, PublishOptions{Wait: 1})
		return published, "", err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		requeued, err := group.client.Requeue(ctx, "g", []ID{testID, testID.Next()})
		return requeued, unless(err != nil || sayOneThing(requeued, 2), "not one answer for each letter"), err
	},
	func(ctx context.Context, group *Group) (any, string, error) {
		commands, without, err := group.client.RequeueCommands(ctx, "g", []ID{testID})
		return commands, unless(err != nil || len(commands)/4+len(without) == 1, "neither commands nor a reason"), err
	},
}

// sayOneThing tells whether there is a result for each of so many letters: requeued, gone or refused.
func sayOneThing(results []Requeued, letters int) bool {
	for _, requeued := range results {
		said := 0
		for _, is := range []bool{!requeued.EntryID.IsZero(), requeued.Gone, requeued.Refused != ""} {
			if is {
				said++
			}
		}
		if said != 1 {
			return false
		}
	}
	return len(results) == letters
}

func unless(sound bool, complaint string) string {
	if sound {
		return ""
	}
	return complaint
}

// lengthy may be a length, for which the library would set much memory aside before anything comes. For some commands it
// takes any line for one.
var lengthy = regexp.MustCompile(`[0-9]{4}`)

// FuzzReplies answers the commands of each operation with any replies, the last one again and again: there is a result
// that can be shown as JSON, or an error, after a bounded number of commands.
func FuzzReplies(f *testing.F) {
	for _, seed := range replySeeds() {
		for operation := range operations {
			f.Add(uint8(operation), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, raw []byte) {
		if lengthy.Match(raw) {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		connection := &scriptedInTurn{answers: strings.Split(string(raw), "|"), lost: cancel}
		group := scriptedGroupOn(t, connection)
		number := int(operation) % len(operations)
		result, complaint, err := operations[number](ctx, group)
		if complaint != "" {
			t.Errorf("operation %d answered %q: got %s: %+v, %v", number, raw, complaint, result, err)
		}
		if _, jsonErr := json.Marshal(result); err == nil && jsonErr != nil {
			t.Errorf("operation %d answered %q: got %+v, which is no JSON: %v", number, raw, result, jsonErr)
		}
		if connection.asked >= mostAsked {
			t.Errorf("operation %d answered %q: still asking after %d commands", number, raw, connection.asked)
		}
	})
}

// TestRequeueBelievesNoNonsense has the script that requeues answer neither with an entry nor with nothing: the letter must
// not be said to have been requeued before.
func TestRequeueBelievesNoNonsense(t *testing.T) {
	for answer, want := range map[string]string{"$3\r\n6-1\r\n": "", "$0\r\n\r\n": "", "$1\r\nx\r\n": errUnexpectedReply.Error()} {
		connection := &scriptedInTurn{answers: []string{answer}, lost: func() {}}
		requeued, err := scriptedGroupOn(t, connection).client.requeue(t.Context(), "g", requeuePlan{Requeued{ID: testID}, nil})
		if got := fmt.Sprint(err); (err == nil) != (want == "") || err != nil && got != want {
			t.Errorf("requeue answered %q: got %+v, %v, want error %q", answer, requeued, err, want)
		}
	}
}

// replySeeds are replies as Redis makes them and as it does not; a bar stands between those to one command and the next.
func replySeeds() []string {
	const group = "*6\r\n$1\r\ng\r\n$3\r\n5-7\r\n$1\r\n1\r\n:1\r\n$3\r\n5-7\r\n*2\r\n$1\r\nc\r\n:1\r\n"
	const registry = "*4\r\n$1\r\ng\r\n$2\r\n{}\r\n$6\r\ng:seen\r\n$3\r\n500\r\n"
	const status = "*7\r\n$3\r\n500\r\n:1\r\n$3\r\n5-7\r\n$3\r\n5-7\r\n$3\r\n5-7\r\n*1\r\n" + group + registry
	const entry = "*1\r\n*2\r\n$3\r\n5-7\r\n*4\r\n$5\r\nevent\r\n$1\r\nE\r\n$4\r\ndata\r\n$2\r\n{}\r\n"
	const letter = "*1\r\n*2\r\n$3\r\n5-7\r\n*8\r\n$7\r\ndead_id\r\n$3\r\n4-2\r\n$11\r\ndead_reason\r\n$6\r\nfailed\r\n" +
		"$5\r\nevent\r\n$1\r\nE\r\n$4\r\ndata\r\n$2\r\n{}\r\n"
	const pending = "*1\r\n*4\r\n$3\r\n5-7\r\n$1\r\nc\r\n:5\r\n:2\r\n"
	const note = "*1\r\n$50\r\n" + `{"tries":1,"reason":"error","consumer":"c","next":5}` + "\r\n"
	return []string{
		"*0\r\n", "*-1\r\n", "$-1\r\n", "+OK\r\n", "-ERR no\r\n", "-NOGROUP no\r\n", ":1\r\n", ":-1\r\n", "_\r\n", "%0\r\n",
		"*1\r\n$3\r\n5-7\r\n", "*1\r\n$1\r\nx\r\n", "*2\r\n$3\r\n5-7\r\n:0\r\n", "*2\r\n*2\r\n+made\r\n$3\r\n5-7\r\n*2\r\n+was\r\n$3\r\n5-7\r\n",
		"*8\r\n$3\r\n5-7\r\n*1\r\n*4\r\n$3\r\n5-7\r\n:2\r\n$0\r\n\r\n*2\r\n$5\r\nevent\r\n$1\r\nE\r\n*1\r\n*3\r\n$3\r\n5-7\r\n$7\r\ndeleted\r\n:3\r\n:0\r\n*0\r\n$0\r\n\r\n:0\r\n:5\r\n",
		"*3\r\n:0\r\n$3\r\n5-7\r\n:2\r\n", "*3\r\n:0\r\n$3\r\n5-7\r\n:-2\r\n", "*3\r\n$0\r\n\r\n$3\r\n5-7\r\n:0\r\n",
		"*4\r\n:1\r\n$3\r\n5-7\r\n:0\r\n*1\r\n*4\r\n$1\r\ng\r\n$3\r\n5-7\r\n$1\r\n5\r\n$1\r\n1\r\n",
		status, status + "|*2\r\n$1\r\nc\r\n$1\r\n5\r\n:3\r\n", status + "|" + entry + pending + note + "|*3\r\n*0\r\n$0\r\n\r\n:1\r\n",
		"$-1\r\n|" + pending + "|" + note + entry, "$-1\r\n|" + pending + "|*0\r\n" + entry, status + "|" + entry + pending + "*0\r\n", entry,
		"*0\r\n|*3\r\n$0\r\n\r\n$3\r\n5-7\r\n:0\r\n", // a walk that does not lead on
		"*0\r\n|*3\r\n$3\r\n5-7\r\n$0\r\n\r\n:1\r\n|" + entry,
		"$2\r\n{}\r\n|" + letter + "|$3\r\n6-1\r\n|" + letter + "|$0\r\n\r\n", "$-1\r\n|" + letter + "|$1\r\nx\r\n", "$-1\r\n|*0\r\n",
	}
}

// mostAsked is how many commands are answered: far more than what the bounded operations ask.
const mostAsked = 40

// scriptedInTurn is a connection in memory that gives one answer after the other, and then the last one for ever.
type scriptedInTurn struct {
	scripted
	answers []string
	asked   int
	lost    func() // ends what would wait and ask again
}

func (s *scriptedInTurn) Read(into []byte) (int, error) {
	if s.coming == "" {
		s.lost()
	}
	return s.scripted.Read(into)
}

func (s *scriptedInTurn) Write(command []byte) (int, error) {
	switch {
	case bytes.Contains(command, []byte("hello")):
		s.coming = "-ERR unknown command\r\n"
	case s.asked >= mostAsked:
		s.coming = "-ERR enough\r\n"
	default:
		s.coming = s.answers[min(s.asked, len(s.answers)-1)]
		s.asked++
	}
	return len(command), nil
}
