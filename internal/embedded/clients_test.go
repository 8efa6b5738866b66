package embedded

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestProgramsOfOtherLanguages has the usual clients add an event and read it in a group of their own. What is not
// installed is skipped.
func TestProgramsOfOtherLanguages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		probe []string // succeeds where the client is installed
		argv  []string
		want  string
	}{
		{
			"redis-cli",
			[]string{"redis-cli", "--version"},
			[]string{"redis-cli", "-p", "PORT", "XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", "{}"},
			"-0",
		},
		{
			"phpredis",
			[]string{"php", "-r", "exit(class_exists('Redis') ? 0 : 1);"},
			[]string{"php", "-r", phpProgram},
			"done 12345",
		},
		{
			"redis-py",
			[]string{"/usr/bin/python3", "-c", "import redis"},
			[]string{"/usr/bin/python3", "-c", pythonProgram},
			"done 12345",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := exec.Command(test.probe[0], test.probe[1:]...).Run(); err != nil {
				t.Skipf("%s is not installed: %v", test.name, err)
			}
			_, port, _ := strings.Cut(startTest(t, Options{}).Addr(), ":")
			argv := make([]string, len(test.argv))
			for i, word := range test.argv {
				argv[i] = strings.ReplaceAll(word, "PORT", port)
			}
			got, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
			if err != nil || !strings.HasSuffix(strings.TrimSpace(string(got)), test.want) {
				t.Errorf("%s printed %q, %v, want %q at the end", test.name, got, err, test.want)
			}
		})
	}
}

const phpProgram = `
$redis = new Redis();
$redis->connect('127.0.0.1', PORT);
$data = json_encode(['order_id' => 12345]);
$id = $redis->xAdd('event_stream', '*', ['event' => 'NEW_ORDER_RECEIVED', 'data' => $data]);
$redis->xGroup('CREATE', 'event_stream', 'php', '0');
$entries = $redis->xReadGroup('php', 'me', ['event_stream' => '>'], 10, 1000);
$redis->multi()->set('seen', $id)->expire('seen', 60)->exec();
if ($redis->xAck('event_stream', 'php', [$id]) !== 1 || $redis->xLen('event_stream') !== 1) {
    exit(1);
}
if ($redis->get('seen') !== $id) {
    exit(1);
}
echo 'done ', json_decode($entries['event_stream'][$id]['data'])->order_id;
`

const pythonProgram = `
import json, redis
client = redis.Redis(port=PORT, decode_responses=True)
entry = client.xadd('event_stream', {'event': 'NEW_ORDER_RECEIVED', 'data': json.dumps({'order_id': 12345})})
client.xgroup_create('event_stream', 'python', '0')
entries = client.xreadgroup('python', 'me', {'event_stream': '>'}, count=10, block=1000)
with client.pipeline() as pipeline:
    pipeline.set('seen', entry).expire('seen', 60).execute()
assert client.xack('event_stream', 'python', entry) == 1 and client.xlen('event_stream') == 1
assert client.xpending('event_stream', 'python')['pending'] == 0 and client.info()['loading'] == 0
print('done', json.loads(entries[0][1][0][1]['data'])['order_id'])
`

func TestGoClient(t *testing.T) {
	t.Parallel()
	server := startTest(t, Options{})
	for _, protocol := range []int{2, 3} {
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: protocol, ClientName: "shop"})
		defer client.Close()
		ctx := t.Context()
		client.FlushAll(ctx)
		id, err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []string{"event", "A", "data", "{}"}}).Result()
		if err != nil {
			t.Fatalf("RESP%d: XADD error = %v", protocol, err)
		}
		if err := client.XGroupCreateMkStream(ctx, "s", "g", "0").Err(); err != nil {
			t.Fatalf("RESP%d: XGROUP CREATE error = %v", protocol, err)
		}
		read, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: "g", Consumer: "c", Streams: []string{"s", ">"}, Count: 10, Block: 100,
		}).Result()
		if err != nil || len(read) != 1 || read[0].Messages[0].ID != id {
			t.Errorf("RESP%d: XREADGROUP = %v, %v, want the entry %s", protocol, read, err, id)
		}
		groups, err := client.XInfoGroups(ctx, "s").Result()
		if err != nil || len(groups) != 1 || groups[0].Pending != 1 {
			t.Errorf("RESP%d: XINFO GROUPS = %+v, %v, want one group with 1 pending", protocol, groups, err)
		}
		if got, err := client.XAck(ctx, "s", "g", id).Result(); got != 1 || err != nil {
			t.Errorf("RESP%d: XACK = %d, %v, want 1", protocol, got, err)
		}
	}
}
