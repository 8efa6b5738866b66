package command

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"
)

// tail is a Writer that keeps the end of what is written to it and drops the rest, so that whoever writes is never held
// up, and never fills the memory. It may be used by many goroutines at once.
type tail struct {
	most int // how many bytes are kept

	mu   sync.Mutex
	kept []byte
	cut  bool // something was dropped
}

// Write takes everything in. It never fails.
func (t *tail) Write(written []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, written[max(0, len(written)-t.most):]...)
	t.cut = t.cut || len(t.kept) > t.most || len(written) > t.most
	if len(t.kept) > 2*t.most {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-t.most:]...)
	}
	return len(written), nil
}

// reset forgets what was written.
func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.cut = t.kept[:0], false
}

// text is the end of what was written, without white space around it, and with dots in front where something is missing.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.kept[max(0, len(t.kept)-t.most):]
	for t.cut && len(kept) > 0 && !utf8.RuneStart(kept[0]) {
		kept = kept[1:]
	}
	text := string(bytes.TrimSpace(kept))
	if t.cut {
		text = "..." + text
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}
