package stream_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// FuzzEnvelope settles entries whose one field is anything: no such text keeps the script from settling, and what it takes
// out of an envelope is what Decode does. Of escapes and broken UTF-8 the two decoders make different texts.
func FuzzEnvelope(f *testing.F) {
	for _, text := range envelopes() {
		f.Add(text)
	}
	for _, text := range []string{`{"event":"E"`, `{"event":"E","data":[}`, `{"event":"E","data":`, `{"event":"E"}}`, `{"event":nan}`, `{`} {
		f.Add(text)
	}
	server := redistest.Start(f)
	client, err := stream.Open(stream.Options{URL: server.URL()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = client.Close() })
	if _, err := client.EnsureGroups(f.Context(), []stream.GroupSpec{{Name: "g"}}); err != nil {
		f.Fatal(err)
	}
	plain, err := client.Group("g", "a", lease)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := bench{T: t, client: client, a: plain}
		b.add("body", text)
		delivery := b.read(plain, 1)[0]
		want, _ := stream.Decode(delivery.Entry, stream.DecodeOptions{})
		b.settle(b.emitting(), delivery)
		follows := b.read(plain, 1)[0]
		got, err := stream.Decode(follows.Entry, stream.DecodeOptions{})
		isPlain := utf8.ValidString(text) && !strings.Contains(text, `\u`)
		if err != nil || want.Name != "" && isPlain && takenOver(got) != takenOver(want) {
			t.Errorf("%q:\n got %s, %v\nwant %s", text, takenOver(got), err, takenOver(want))
		}
		if _, err := client.Trim(t.Context(), 1, false); err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Ack(t.Context(), []stream.ID{follows.ID}); err != nil {
			t.Fatal(err)
		}
	})
}
