package embedded

import (
	"strings"
	"testing"
)

// TestAnswersAsRedisDoes plays what miniredis alone gets wrong. A real server replies the same, but for further facts in
// XINFO STREAM.
func TestAnswersAsRedisDoes(t *testing.T) {
	t.Parallel()
	tooSmall := "-ERR The ID specified in XADD is equal or smaller than the target stream top item"
	steps := []struct{ command, want string }{
		{"XGROUP CREATE s g 0 MKSTREAM", "OK"},
		{"XGROUP CREATE s g 0", "-BUSYGROUP"},
		{"XGROUP CREATE none g 0", "-ERR"},
		{"XGROUP CREATE s late 005-01", "OK"},
		{"XINFO STREAM s", "[length 0 last-generated-id 0-0]"},
		{"XINFO STREAM none", "-ERR no such key"},
		{"XPENDING s g", "[0 nil nil nil]"},
		{"XPENDING s none", "-NOGROUP"},
		{"XADD s 5 f v", "5-0"},
		{"XADD s 7-1 f v", "7-1"},
		{"XREADGROUP GROUP g c STREAMS s >", "[[s [[5-0 [f v]] [7-1 [f v]]]]]"},
		{"XDEL s 7-1", "1"},
		{"XPENDING s g", "[2 5-0 7-1 [[c 2]]]"},
		{"XINFO STREAM s", "[length 1 last-generated-id 7-1]"},
		{"XADD s 7-1 f v", tooSmall},
		{"XADD s 6-* f v", tooSmall},
		{"XADD s 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0"},
		{"XADD none 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0"},
		{"EXISTS none", "0"},
		{"XADD s 7-* f v", "7-2"},
		{"XDEL s 5-0 7-2", "2"},
		{"XGROUP CREATE s new $", "OK"},
		{"XREADGROUP GROUP late c STREAMS s >", "nil"},
		{"XADD s 7-3 f v", "7-3"},
		{"XREADGROUP GROUP new c STREAMS s >", "[[s [[7-3 [f v]]]]]"},
		{"MULTI", "OK"},
		{"XPENDING s g", "QUEUED"},
		{"XINFO STREAM s", "QUEUED"},
		{"XGROUP CREATE s other 0", "QUEUED"},
		{"EXEC", "[[2 5-0 7-1 [[c 2]]] [length 1 last-generated-id 7-3] OK]"},
	}
	client := newRawClient(t, startTest(t, Options{Stream: "s"}).Addr())
	for _, step := range steps {
		got := client.do(strings.Fields(step.command)...)
		if got != step.want && !(strings.HasPrefix(step.want, "-") && strings.HasPrefix(got, step.want)) {
			t.Errorf("%s = %q, want %q", step.command, got, step.want)
		}
	}
	if got := client.do("XINFO", "GROUPS", "s"); !strings.Contains(got, "last-delivered-id 0-0 ") {
		t.Errorf("XINFO GROUPS = %q, want 0-0 for the groups that began at 0", got)
	}
}
