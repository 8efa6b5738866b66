package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSurvivesRandomCommands sends commands of every allowed name, from nearly right to senseless, and demands one
// reply for each. A panic in miniredis would end the test's process.
func TestSurvivesRandomCommands(t *testing.T) {
	t.Parallel()
	server := startTest(t, Options{MaxEntries: 40, MaxPending: 15})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	client := newRawClient(t, server.Addr())
	for range 400 {
		batch := make([][]string, 50)
		for i := range batch {
			batch[i] = randomCommand(random)
		}
		client.exchange(batch)
	}
}

// FuzzCommands takes its input as lines of words, one command a line.
func FuzzCommands(f *testing.F) {
	for _, words := range killers {
		f.Add(strings.Join(words, " "))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		lines := make([]string, 10)
		for i := range lines {
			lines[i] = strings.Join(randomCommand(random), " ")
		}
		f.Add(strings.Join(lines, "\n"))
	}
	server := startTest(f, Options{MaxEntries: 40, MaxPending: 15})
	f.Fuzz(func(t *testing.T, input string) {
		var batch [][]string
		for line := range strings.Lines(input) {
			if words := strings.Fields(line); len(words) > 0 {
				batch = append(batch, tame(words))
			}
		}
		newRawClient(t, server.Addr()).exchange(batch)
	})
}

// FuzzFrames sends bytes that need not be commands at all.
func FuzzFrames(f *testing.F) {
	for _, frame := range malformedFrames {
		f.Add([]byte(frame))
	}
	server := startTest(f, Options{})
	f.Fuzz(func(t *testing.T, input []byte) {
		connection, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if bytes.Contains(bytes.ToUpper(input), []byte("BLOCK")) {
			return
		}
		_, _ = connection.Write(input)
		_ = connection.(*net.TCPConn).CloseWrite()
		_ = connection.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, connection); isTimeout(err) {
			t.Fatalf("no end of the reply to %q", input)
		}
	})
}

func isTimeout(err error) bool {
	timeout, isNet := errors.AsType[net.Error](err)
	return isNet && timeout.Timeout()
}

var (
	names = slices.Sorted(maps.Keys(rules))
	atoms = strings.Fields("s event_stream h str g g2 c c2 1-1 1-2 2-1 3-1 3-2 01-1 5 0 0-0 * 7-* - + $ > (1-1 ( x-y " +
		"-1 1 2 100 9223372036854775807 18446744073709551615-18446744073709551615 ~ = MAXLEN MINID LIMIT NOMKSTREAM MKSTREAM " +
		"COUNT GROUP STREAMS NOACK JUSTID FORCE IDLE TIME RETRYCOUNT LASTID CREATE DESTROY CREATECONSUMER DELCONSUMER " +
		"SETID STREAM GROUPS CONSUMERS FULL NX XX GT LT EX PX EXAT PXAT KEEPTTL GET MATCH TYPE [z-a] \\E( \xff a* ? LOAD " +
		"EXISTS FLUSH SETNAME ID SETINFO LIB-NAME AUTH 3 default")
	likely = []string{
		"XADD K * f v", "XADD K I f v", "XADD K MAXLEN N I f v", "XADD K NOMKSTREAM MINID ~ I * f v",
		"XGROUP CREATE K G 0 MKSTREAM", "XGROUP CREATE K G I", "XGROUP DESTROY K G", "XGROUP DELCONSUMER K G C",
		"XGROUP CREATECONSUMER K G C", "XREADGROUP GROUP G C COUNT N STREAMS K >", "XREADGROUP GROUP G C STREAMS K >",
		"XREADGROUP GROUP G C STREAMS K 0", "XREADGROUP GROUP G C NOACK STREAMS K >", "XACK K G I", "XACK K G I I I I",
		"XDEL K I", "XTRIM K MAXLEN N", "XTRIM K MINID I", "XCLAIM K G C 0 I", "XCLAIM K G C 0 I I I JUSTID RETRYCOUNT N",
		"XCLAIM K G C 0 I IDLE N", "XCLAIM K G C 0 I TIME 8999999999999", "XAUTOCLAIM K G C 0 I COUNT N", "XPENDING K G",
		"XPENDING K G - + N", "XPENDING K G IDLE N - + N C", "XINFO GROUPS K", "XINFO CONSUMERS K G", "XINFO STREAM K",
		"XLEN K", "XLEN str", "XRANGE K - +", "XREVRANGE K + - COUNT N", "XREAD COUNT N STREAMS K I",
		"XREADGROUP GROUP G C BLOCK 1 STREAMS K >", "MULTI", "EXEC", "DISCARD", "WATCH K", "DEL K", "FLUSHALL",
		"SET str v PX N", "EXPIRE K N", "HSET h f v", "HINCRBY h f N", "EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 0",
	}
)

func randomCommand(random *rand.Rand) []string {
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	if random.IntN(4) == 0 {
		words := []string{pick(names)}
		for range random.IntN(9) {
			words = append(words, pick(atoms))
		}
		return tame(words)
	}
	words := strings.Fields(pick(likely))
	for i, word := range words {
		switch word {
		case "K":
			words[i] = pick([]string{"s", "event_stream"})
		case "G":
			words[i] = pick([]string{"g", "g2"})
		case "C":
			words[i] = pick([]string{"c", "c2", "c3"})
		case "N":
			words[i] = strconv.Itoa(random.IntN(30))
		case "I":
			words[i] = fmt.Sprintf("%d-%d", random.IntN(9), random.IntN(3))
		}
	}
	if random.IntN(6) == 0 {
		at := 1 + random.IntN(len(words))
		words = slices.Insert(words, at, pick(atoms))
	}
	if random.IntN(6) == 0 {
		words = words[:1+random.IntN(len(words))]
	}
	return tame(words)
}

// tame takes out what would end or stop the test itself: a QUIT, a long BLOCK, and `$`, which miniredis answers twice
// in a MULTI.
func tame(words []string) []string {
	words = slices.Clone(words)
	if strings.EqualFold(words[0], "QUIT") || words[0] == refusedFrame {
		words[0] = "PING"
	}
	for i := 1; i < len(words); i++ {
		if strings.EqualFold(words[i-1], "BLOCK") {
			words[i] = "1"
		}
		if strings.EqualFold(words[0], "XREAD") && words[i] == "$" {
			words[i] = "0"
		}
	}
	return words
}

// rawClient sends whatever it is told to.
type rawClient struct {
	t          testing.TB
	connection net.Conn
	input      *bufio.Reader
	marks      int
}

func newRawClient(t testing.TB, addr string) *rawClient {
	connection, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("Dial(%q) error = %v", addr, err)
	}
	t.Cleanup(func() { connection.Close() })
	return &rawClient{t: t, connection: connection, input: bufio.NewReader(connection)}
}

// exchange sends the commands at once and reads one reply to each; an ECHO at the end must be answered in its place.
func (c *rawClient) exchange(batch [][]string) {
	c.t.Helper()
	c.marks++
	mark := fmt.Sprintf("mark %d", c.marks)
	batch = append(slices.Clone(batch), []string{"DISCARD"}, []string{"ECHO", mark})
	var request []byte
	for _, words := range batch {
		request = append(request, encodeFrame(words...)...)
	}
	_ = c.connection.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.connection.Write(request); err != nil {
		c.t.Fatalf("send %q: %v", batch, err)
	}
	last := ""
	for i := range batch {
		reply, err := readReply(c.input)
		if err != nil {
			c.t.Fatalf("reply %d of %q: %v", i, batch, err)
		}
		last = reply
	}
	if last != mark {
		c.t.Fatalf("last reply to %q = %q, want %q", batch, last, mark)
	}
}

// do sends one command and returns its reply as text, an error with its leading `-`.
func (c *rawClient) do(words ...string) string {
	c.t.Helper()
	_ = c.connection.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.connection.Write(encodeFrame(words...)); err != nil {
		c.t.Fatalf("send %q: %v", words, err)
	}
	reply, err := readReply(c.input)
	if err != nil {
		c.t.Fatalf("reply to %q: %v", words, err)
	}
	return reply
}

// readReply reads a reply of either protocol version; aggregates come as their elements in brackets.
func readReply(input *bufio.Reader) (string, error) {
	line, err := input.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, text := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+', ':', ',', '_', '#':
		return text, nil
	case '-':
		return "-" + text, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("unexpected line %q: %w", line, err)
	}
	if size < 0 {
		return "nil", nil
	}
	if kind == '$' {
		bulk := make([]byte, size+2)
		_, err := io.ReadFull(input, bulk)
		return string(bulk[:size]), err
	}
	if kind == '%' {
		size *= 2
	}
	elements := make([]string, size)
	for i := range elements {
		if elements[i], err = readReply(input); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(elements, " ") + "]", nil
}
