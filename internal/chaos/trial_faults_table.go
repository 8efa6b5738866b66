package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// administrativeFault is one thing that an administrator, or another program, may do to Redis. When strike returns, it is
// done, and what makes work impossible has been undone.
type administrativeFault struct {
	word   string
	strike func(ctx context.Context, w *world) error
}

func administrativeFaults() []administrativeFault {
	return []administrativeFault{
		{"CLIENT KILL", command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")},
		{"CLIENT PAUSE", func(ctx context.Context, w *world) error {
			return w.insist(ctx, "CLIENT", "PAUSE", 100+w.draw(900), []string{"ALL", "WRITE"}[w.draw(2)])
		}},
		{"SCRIPT FLUSH", command("SCRIPT", "FLUSH")},
		{"FLUSHALL", command("FLUSHALL")},
		{"XGROUP DESTROY", func(ctx context.Context, w *world) error {
			return w.insist(ctx, "XGROUP", "DESTROY", w.client.Keys().Stream(), w.anyGroup())
		}},
		{"DEL of the stream", func(ctx context.Context, w *world) error {
			return w.insist(ctx, "DEL", w.client.Keys().Stream())
		}},
		{"XGROUP DELCONSUMER", deleteConsumers},
		{"maxmemory", func(ctx context.Context, w *world) error {
			return w.whileSo(ctx, w.configure(ctx, "maxmemory", "1"), "CONFIG", "SET", "maxmemory", "0")
		}},
		{"REPLICAOF", func(ctx context.Context, w *world) error {
			return w.whileSo(ctx, w.insist(ctx, "REPLICAOF", "127.0.0.1", "1"), "REPLICAOF", "NO", "ONE")
		}},
		{"a key of the wrong type", wrongType},
		{"notes that are garbage", spoilNotes},
		{"a registry that is garbage", spoilRegistry},
		{"a sweep's guard for ever", func(ctx context.Context, w *world) error {
			return w.insist(ctx, "SET", w.client.Keys().Sweep(w.anyGroup()), "nobody")
		}},
		{"foreign entries", addForeign},
		{"XTRIM", func(ctx context.Context, w *world) error {
			return w.insist(ctx, "XTRIM", w.client.Keys().Stream(), "MAXLEN", w.draw(3))
		}},
		{"XDEL of what is pending", deletePending},
	}
}

// command is a fault that is one command of Redis.
func command(words ...any) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error { return w.insist(ctx, words...) }
}

// whileSo lets a fault last for up to half a lease, and undoes it by a command.
func (w *world) whileSo(ctx context.Context, err error, undo ...any) error {
	return errors.Join(err, rest(ctx, time.Duration(1+w.draw(int(lease/2)))), w.insist(ctx, undo...))
}

// deleteConsumers deletes every name of a group under the processes that use them, with all that is pending there.
func deleteConsumers(ctx context.Context, w *world) error {
	group := w.anyGroup()
	names, err := w.client.Redis().XInfoConsumers(ctx, w.client.Keys().Stream(), group).Result()
	for _, name := range names {
		err = errors.Join(err, notFault(w.client.Redis().XGroupDelConsumer(ctx, w.client.Keys().Stream(), group, name.Name).Err()))
	}
	return notFault(err)
}

// wrongType puts a string in the place of one of the keys, or a hash in the place of a string, and removes it later.
func wrongType(ctx context.Context, w *world) error {
	keys, group := w.client.Keys(), w.anyGroup()
	names := []string{keys.Stream(), keys.Dead(group), keys.Attempts(group), keys.Groups(), keys.Consumers(group), keys.Sweep(group)}
	name := names[w.draw(len(names))]
	words := []any{"SET", name, "garbage"}
	if name == keys.Sweep(group) {
		words = []any{"HSET", name, "garbage", "garbage"}
	}
	return w.whileSo(ctx, errors.Join(w.insist(ctx, "DEL", name), w.insist(ctx, words...)), "DEL", name)
}

// hostileTexts are values that nobody would write on purpose.
func hostileTexts() []string {
	return []string{
		"", "garbage", "{", "null", "[]", `{"tries":1e99,"next":-1}`, `{"tries":"x","next":{},"consumer":[]}`, "\x00\xff\x1b[2J\n",
		strings.Repeat("[", 5000), "9223372036854775808", "-1", "NaN",
	}
}

func (w *world) hostileText() string {
	texts := hostileTexts()
	return texts[w.draw(len(texts))]
}

// pendingIDs are some of the pending entries of a group.
func (w *world) pendingIDs(ctx context.Context, group string) ([]string, error) {
	pending, err := w.client.Redis().XPendingExt(ctx, &redis.XPendingExtArgs{
		Stream: w.client.Keys().Stream(), Group: group, Start: "-", End: "+", Count: 20,
	}).Result()
	ids := []string{"0-0", "garbage"}
	for _, entry := range pending {
		ids = append(ids, entry.ID)
	}
	return ids, notFault(err)
}

// spoilNotes overwrites the notes of what is pending.
func spoilNotes(ctx context.Context, w *world) error {
	group := w.anyGroup()
	ids, err := w.pendingIDs(ctx, group)
	for _, id := range ids {
		err = errors.Join(err, w.insist(ctx, "HSET", w.client.Keys().Attempts(group), id, w.hostileText()))
	}
	return err
}

// spoilRegistry overwrites what the groups say of themselves, and when the consumers showed life.
func spoilRegistry(ctx context.Context, w *world) error {
	var faults []error
	for _, group := range groupNames() {
		faults = append(faults,
			w.insist(ctx, "HSET", w.client.Keys().Groups(), group, w.hostileText(), group+":seen", w.hostileText(),
				group+":checkpoint", w.hostileText(), "\x00", w.hostileText()),
			w.insist(ctx, "HSET", w.client.Keys().Consumers(group), "nobody", w.hostileText(), "waiting", w.hostileText()))
	}
	return errors.Join(faults...)
}

// addForeign adds entries that no program of ours writes.
func addForeign(ctx context.Context, w *world) error {
	var faults []error
	for range 10 {
		words := []any{
			"XADD", w.client.Keys().Stream(), "*", "event", w.hostileText(), "data", w.hostileText(),
			"event_id", w.hostileText(), "timestamp", w.hostileText(), "to", []string{"", w.anyGroup(), "nobody"}[w.draw(3)],
		}
		faults = append(faults, w.insist(ctx, words[:5+2*w.draw(5)]...))
	}
	return errors.Join(faults...)
}

// deletePending deletes entries from the stream that are being handled or wait.
func deletePending(ctx context.Context, w *world) error {
	ids, err := w.pendingIDs(ctx, w.anyGroup())
	if len(ids) == 2 || err != nil {
		return err
	}
	words := []any{"XDEL", w.client.Keys().Stream()}
	for _, id := range ids[2:] {
		words = append(words, id)
	}
	return w.insist(ctx, words...)
}
