package stream_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

func (b bench) trim(retention time.Duration, dryRun bool) stream.Trimmed {
	b.Helper()
	trimmed, err := b.client.Trim(b.Context(), retention, dryRun)
	if err != nil {
		b.Fatal(err)
	}
	return trimmed
}

// addAt adds an entry that is age old.
func (b bench) addAt(age time.Duration) stream.ID {
	b.Helper()
	id := stream.ID{Ms: uint64(time.Now().Add(-age).UnixMilli()), Seq: 7}
	err := b.client.Redis().Do(b.Context(), "XADD", b.client.Keys().Stream(), id.String(), "event", "E").Err()
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func (b bench) left() []stream.ID {
	b.Helper()
	entries, err := b.client.Redis().XRange(b.Context(), b.client.Keys().Stream(), "-", "+").Result()
	if err != nil {
		b.Fatal(err)
	}
	var left []stream.ID
	for _, entry := range entries {
		id, _ := stream.ParseID(entry.ID)
		left = append(left, id)
	}
	return left
}

func (b bench) do(args ...any) {
	b.Helper()
	if err := b.client.Redis().Do(b.Context(), args...).Err(); err != nil {
		b.Fatal(err)
	}
}

func (b bench) ack(list ...stream.ID) {
	b.Helper()
	if _, err := b.a.Ack(b.Context(), list); err != nil {
		b.Fatal(err)
	}
}

func heldBackBy(trimmed stream.Trimmed) []string {
	names := []string{}
	for _, held := range trimmed.HeldBackBy {
		names = append(names, held.Group+" "+held.Needs.String())
	}
	return names
}

func TestTrimKeepsWhatIsNeeded(t *testing.T) {
	const key = "event_stream"
	tests := map[string]struct {
		prepare  func(b bench, entries []stream.ID) // entries are 5, 4, 3, 2 and 1 hours old
		from     int                                // the first entry that is left after a trim to 150 minutes
		heldBack func(entries []stream.ID) []string
	}{
		"all finished": {
			prepare: func(b bench, _ []stream.ID) { b.ack(ids(b.read(b.a, 10))...) },
			from:    3,
		},
		"nothing read": {
			prepare:  func(bench, []stream.ID) {},
			heldBack: func(entries []stream.ID) []string { return []string{"g " + entries[0].String()} },
		},
		"the third is pending": {
			prepare: func(b bench, entries []stream.ID) {
				b.read(b.a, 10)
				b.ack(entries[0], entries[1], entries[3], entries[4])
			},
			from:     2,
			heldBack: func(entries []stream.ID) []string { return []string{"g " + entries[2].String()} },
		},
		"the second waits for a retry": {
			prepare: func(b bench, entries []stream.ID) {
				b.read(b.a, 10)
				b.ack(entries[0], entries[2], entries[3], entries[4])
				_, err := b.a.Release(b.Context(), []stream.Release{{
					ID: entries[1], Deliveries: 1, Tries: 1, Delay: time.Hour,
					Reason: stream.RetryFailed,
				}})
				if err != nil {
					b.Fatal(err)
				}
			},
			from:     1,
			heldBack: func(entries []stream.ID) []string { return []string{"g " + entries[1].String()} },
		},
		"the fourth is pending, within the retention": {
			prepare: func(b bench, entries []stream.ID) {
				b.read(b.a, 10)
				b.ack(entries[0], entries[1], entries[2], entries[4])
			},
			from: 3,
		},
		"read to the second, which is acked": {
			prepare:  func(b bench, _ []stream.ID) { b.ack(ids(b.read(b.a, 2))...) },
			from:     2,
			heldBack: func(entries []stream.ID) []string { return []string{"g " + entries[2].String()} },
		},
		"another program's group has read one": {
			prepare: func(b bench, entries []stream.ID) {
				b.ack(ids(b.read(b.a, 10))...)
				b.do("XGROUP", "CREATE", key, "php", entries[0].String())
			},
			from:     1,
			heldBack: func(entries []stream.ID) []string { return []string{"php " + entries[1].String()} },
		},
		"two groups are behind": {
			prepare: func(b bench, entries []stream.ID) {
				b.do("XGROUP", "CREATE", key, "php", entries[0].String())
			},
			heldBack: func(entries []stream.ID) []string {
				return []string{"g " + entries[0].String(), "php " + entries[1].String()}
			},
		},
		"a registered group is missing, with a checkpoint": {
			prepare: func(b bench, entries []stream.ID) {
				b.ack(ids(b.read(b.a, 10))...)
				b.do("HSET", b.client.Keys().Groups(), "lost", "{}", "lost:checkpoint", entries[1].String(), "lost:seen", "5000")
			},
			from:     2,
			heldBack: func(entries []stream.ID) []string { return []string{"lost " + entries[2].String()} },
		},
		"a registered group is missing, without a checkpoint": {
			prepare: func(b bench, _ []stream.ID) {
				b.ack(ids(b.read(b.a, 10))...)
				b.do("HSET", b.client.Keys().Groups(), "lost", "{}")
			},
			heldBack: func(entries []stream.ID) []string { return []string{"lost " + entries[0].String()} },
		},
		"a missing group's checkpoint is of a stream before this one": {
			prepare: func(b bench, _ []stream.ID) {
				b.ack(ids(b.read(b.a, 10))...)
				b.do("HSET", b.client.Keys().Groups(), "lost", "{}", "lost:checkpoint", "18446744073709551615-0")
			},
			heldBack: func(entries []stream.ID) []string { return []string{"lost " + entries[0].String()} },
		},
		"a missing group had finished all": {
			prepare: func(b bench, entries []stream.ID) {
				b.ack(ids(b.read(b.a, 10))...)
				b.do("XGROUP", "DESTROY", key, "g")
				b.do("HSET", b.client.Keys().Groups(), "g:checkpoint", entries[4].String())
			},
			from: 3,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(b bench) {
				var entries []stream.ID
				for hours := 5; hours > 0; hours-- {
					entries = append(entries, b.addAt(time.Duration(hours)*time.Hour))
				}
				test.prepare(b, entries)
				want := []string{}
				if test.heldBack != nil {
					want = test.heldBack(entries)
				}
				const retention = 150 * time.Minute
				for _, dryRun := range []bool{true, false} {
					got := b.trim(retention, dryRun)
					if got.Removed != test.from {
						b.Errorf("dry run %v: removed: got %d, want %d", dryRun, got.Removed, test.from)
					}
					if held := heldBackBy(got); !slices.Equal(held, want) {
						b.Errorf("dry run %v: held back by: got %q, want %q", dryRun, held, want)
					}
					if left := len(b.left()); dryRun && left != 5 {
						b.Errorf("dry run: %d entries are left, want 5", left)
					}
				}
				if left := b.left(); !slices.Equal(left, entries[test.from:]) {
					b.Errorf("left: got %v, want %v", left, entries[test.from:])
				}
			})
		})
	}
}

func TestTrimSaysWhoHoldsBack(t *testing.T) {
	onEach(t, func(b bench) {
		entry := b.addAt(time.Hour)
		b.ack(ids(b.read(b.a, 1))...)
		b.do("HSET", b.client.Keys().Groups(), "lost", "{}", "lost:seen", "1763700000000")
		got := b.trim(time.Minute, true).HeldBackBy
		want := stream.HoldBack{
			Group: "lost", Needs: entry, Since: entry.Time().UTC(), Missing: true,
			Seen: time.UnixMilli(1763700000000).UTC(),
		}
		if len(got) != 1 || got[0] != want {
			b.Errorf("held back by:\n got %+v\nwant %+v", got, want)
		}
	})
}

func TestTrimWithoutGroupsRemovesNothing(t *testing.T) {
	onEach(t, func(b bench) {
		b.do("DEL", b.client.Keys().Stream(), b.client.Keys().Groups())
		if got := b.trim(0, false); got.Groups != 0 || got.Removed != 0 || !got.UpTo.IsZero() {
			b.Errorf("trim without a stream: got %+v", got)
		}
		b.addAt(time.Hour)
		if got := b.trim(0, false); got.Groups != 0 || got.Removed != 0 || len(b.left()) != 1 {
			b.Errorf("trim without a group: got %+v", got)
		}
		b.do("DEL", b.client.Keys().Stream())
		b.do("HSET", b.client.Keys().Groups(), "lost", "{}")
		if got := b.trim(0, false); got.Groups != 1 || got.Removed != 0 {
			b.Errorf("trim a missing stream: got %+v", got)
		}
		if _, err := b.client.Trim(b.Context(), -time.Second, false); err == nil || !strings.Contains(err.Error(), "retention -1s") {
			b.Errorf("negative retention: got %v", err)
		}
	})
}

func TestDryRunCountsManyPages(t *testing.T) {
	onEach(t, func(b bench) {
		for range 2345 {
			b.add()
		}
		b.do("XGROUP", "DESTROY", b.client.Keys().Stream(), "g")
		b.do("XGROUP", "CREATE", b.client.Keys().Stream(), "g", "$")
		last := b.left()[2344]
		for time.Now().UnixMilli() <= int64(last.Ms) {
			time.Sleep(time.Millisecond)
		}
		dry, done := b.trim(0, true), b.trim(0, false)
		if dry.Removed != 2345 || done.Removed != 2345 {
			b.Errorf("removed: got %d and then %d, want 2345", dry.Removed, done.Removed)
		}
	})
}

// TestTrimUnderLoad adds, reads, acks and trims at once. The slow group must be handed every entry, with its fields.
func TestTrimUnderLoad(t *testing.T) {
	t.Parallel()
	const events = 1500
	redistest.Each(t, func(t *testing.T, url string) {
		client, err := stream.Open(stream.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		b := bench{T: t, client: client}
		var specs []stream.GroupSpec
		for _, name := range []string{"fast", "slow"} {
			specs = append(specs, stream.GroupSpec{Name: name, Start: stream.FromBeginning()})
		}
		if _, err := client.EnsureGroups(t.Context(), specs); err != nil {
			t.Fatal(err)
		}
		var work sync.WaitGroup
		work.Go(func() {
			for range events {
				if err := client.Redis().Do(t.Context(), "XADD", "event_stream", "*", "event", "E").Err(); err != nil {
					t.Error(err)
				}
			}
		})
		for name, pace := range map[string]time.Duration{"fast": 0, "slow": 3 * time.Millisecond} {
			work.Go(func() { consume(t, client, name, events, pace) })
		}
		done := make(chan struct{})
		removed := 0
		trimming := sync.WaitGroup{}
		trimming.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					trimmed, err := client.Trim(t.Context(), 0, false)
					if err != nil {
						t.Error(err)
					}
					removed += trimmed.Removed
				}
			}
		})
		work.Wait()
		close(done)
		trimming.Wait()
		if left := len(b.left()); removed+left != events || removed == 0 {
			t.Errorf("removed %d and left %d, want %d in all", removed, left, events)
		}
	})
}

// consume reads want entries, acks every other at once and the rest one batch later.
func consume(t *testing.T, client *stream.Client, name string, want int, pace time.Duration) {
	group, err := client.Group(name, "c", time.Minute)
	if err != nil {
		t.Error(err)
		return
	}
	seen := 0
	var late []stream.ID
	for deadline := time.Now().Add(20 * time.Second); seen < want && time.Now().Before(deadline); {
		deliveries, err := group.Read(t.Context(), 25, 50*time.Millisecond)
		if err != nil {
			t.Error(err)
			return
		}
		settled := late
		late = nil
		for i, delivery := range deliveries {
			if len(delivery.Fields) != 1 {
				t.Errorf("group %s: entry %s has %d fields, want 1", name, delivery.ID, len(delivery.Fields))
			}
			if i%2 == 0 {
				settled = append(settled, delivery.ID)
			} else {
				late = append(late, delivery.ID)
			}
		}
		if seen += len(deliveries); len(settled) > 0 {
			if acked, err := group.Ack(t.Context(), settled); err != nil || acked != len(settled) {
				t.Errorf("group %s: acked %d of %d, %v", name, acked, len(settled), err)
			}
		}
		time.Sleep(pace) // the slow group's work
	}
	if seen != want {
		t.Errorf("group %s was handed %d entries, want %d", name, seen, want)
	}
}
