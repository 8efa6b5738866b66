package command

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/stream"
)

func TestGroups(t *testing.T) {
	onEach(t, func(b bench) {
		none := b.execute("groups")
		if !strings.HasPrefix(none.stdout, "No groups on the stream event_stream at redis://127.0.0.1:") {
			b.Errorf("no groups: got %+v", none)
		}
		b.add(first, "event", "E")
		b.groups()
		b.add(second, "event", "订单")
		b.read("labels", 1)
		const want = `
GROUP  KIND      EVENTS     STATE   CONSUMERS LAG PENDING WAITING DEAD OLDEST
labels label     E, order.* stopped         0   1       1       0    0 DURATION ago
stock  inventory E          stopped         0   2       0       0    0 -

2 entries in event_stream.`
		b.want(want, "groups")
		b.want(want, "groups", "ls")
		var status stream.Status
		b.wantJSON(&status, "groups")
		if len(status.Groups) != 2 || status.Groups[0].Pending != 1 {
			b.Errorf("JSON: got %+v, want two groups", status)
		}
		b.redis.XGroupDestroy(b.Context(), b.config.Stream, "stock")
		b.redis.XGroupCreate(b.Context(), b.config.Stream, "php\x1b[31m", "0")
		if got := b.execute("groups").stdout; !strings.Contains(got, "missing") || !strings.Contains(got, "not ours") ||
			strings.Contains(got, "\x1b") {
			b.Errorf("missing and foreign groups: got %q", got)
		}
	})
}

func TestGroupIsEnded(t *testing.T) {
	onEach(t, func(b bench) {
		b.add(first, "event", "E")
		b.add(second, "event", "E")
		b.add(third, "event", "E")
		b.groups()
		consumer := b.read("labels", 2)
		b.giveUp(consumer, first, "no")
		b.wantFault(exitFailed, `group "lables" of the stream event_stream: not found: did you mean labels?`, "groups", "rm", "lables")
		const plan = `
Ending the group labels of the stream event_stream.

pending           1, 0 of them waiting: never handled
lag               1: never handled
dead letters      1, kept in {event_stream}:dead:labels
consumers none`
		b.want(plan, "groups", "rm", "labels")
		b.want(`
MULTI
XGROUP DESTROY event_stream labels
HDEL {event_stream}:groups labels labels:seen labels:checkpoint
DEL {event_stream}:attempts:labels
DEL {event_stream}:consumers:labels
DEL {event_stream}:sweep:labels
EXEC`, "groups", "rm", "labels", "--print-redis")
		if _, err := consumer.Renew(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		b.wantFault(exitFailed, "stop its handler first", "groups", "rm", "labels", "--yes")
		if b.stands("labels") == nil {
			b.Error("a plan and a refusal have ended the group")
		}
		b.redis.Del(b.Context(), b.client.Keys().Consumers("labels")) // it shows no life any more
		got := b.execute("groups", "rm", "labels", "--yes")
		if got.code != exitDone || b.stands("labels") != nil || b.stands("stock") == nil {
			b.Errorf("ended: got %+v, labels %v, stock %v", got, b.stands("labels"), b.stands("stock"))
		}
		if left := b.redis.XLen(b.Context(), b.client.Keys().Dead("labels")).Val(); left != 1 {
			b.Errorf("dead letters: got %d, want 1", left)
		}
		keys := b.client.Keys()
		if left := b.redis.Exists(b.Context(), keys.Attempts("labels"), keys.Consumers("labels"), keys.Sweep("labels")).Val(); left != 0 {
			b.Errorf("keys of the group: got %d, want none", left)
		}
	})
}

// stands returns how a group stands, or nil where there is none.
func (b bench) stands(name string) *stream.GroupStatus {
	b.Helper()
	groups, err := b.client.Groups(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, group := range groups {
		if group.Name == name {
			return &group
		}
	}
	return nil
}
