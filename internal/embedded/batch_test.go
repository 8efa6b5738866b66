package embedded

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/stream"
)

// TestFullStreamStopsABatch fills the stream in the midst of a batch: its repeat adds what is missing when there is room.
func TestFullStreamStopsABatch(t *testing.T) {
	t.Parallel()
	server := startTest(t, Options{MaxEntries: 3, Scripts: stream.ScriptTexts()})
	client, err := stream.Open(stream.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	batch := []stream.Event{{Name: "E", ID: "1"}, {Name: "E", ID: "2"}, {Name: "E", ID: "3"}, {Name: "E", ID: "4"}}
	published, err := client.PublishBatch(t.Context(), batch, stream.PublishOptions{})
	if err == nil || !strings.Contains(err.Error(), "holds 3 entries") || len(published) != 0 {
		t.Fatalf("PublishBatch of more events than there is room for = %v, %v, want an error", published, err)
	}
	key := client.Keys().Stream()
	client.Redis().XTrimMaxLen(t.Context(), key, 1)
	published, err = client.PublishBatch(t.Context(), batch, stream.PublishOptions{})
	if err != nil || len(published) != 4 || !published[2].Repeated || published[3].Repeated {
		t.Fatalf("PublishBatch again = %+v, %v, want the first 3 events repeated", published, err)
	}
	entries := client.Redis().XRange(t.Context(), key, "-", "+").Val()
	if len(entries) != 2 || entries[0].Values["event_id"] != "3" || entries[1].ID != published[3].ID.String() {
		t.Errorf("the stream holds %v, want the third event and the fourth", entries)
	}
}
