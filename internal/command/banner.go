package command

import (
	"fmt"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// sampleOrder is what every built-in kind can handle.
const sampleOrder = `{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`

// announce says what runs, in the log and, where somebody watches, with what to type next. The feed is still silent.
func (s *service) announce() {
	if !s.sharesTerminal() {
		s.Logger.Info("running", zap.Strings("handlers", s.handlers.Names()), zap.String("from", s.handlers.source),
			zap.String("redis", where(s.client)), zap.String("stream", s.config.Stream), zap.String("http", s.admin.Addr()))
	}
	if s.feed != nil {
		s.println(s.summary())
		s.println(s.firstSteps())
	}
}

// announceStop says that no new work is begun.
func (s *service) announceStop() {
	if !s.sharesTerminal() {
		s.Logger.Info("stopping", zap.Duration("grace", s.config.ShutdownGrace))
	}
	if s.feed != nil {
		s.feed.say(fmt.Sprintf("\nStopping: what has begun may take %s more. Ctrl-C again ends at once.",
			Spell(s.config.ShutdownGrace)))
	}
}

func (s *service) summary() string {
	var text strings.Builder
	fmt.Fprintf(&text, "\nMillrace runs %s on the stream %s at %s",
		whole(len(s.handlers.Handlers), "handler"), s.config.Stream, where(s.client))
	if s.embedded != nil {
		text.WriteString(",\nin memory only: everything is gone when it stops")
	}
	text.WriteString(".\n\n")
	width := 0
	for _, spec := range s.handlers.Handlers {
		width = max(width, len(spec.Name))
	}
	for _, spec := range s.handlers.Handlers {
		fmt.Fprintf(&text, "  %-*s   %-9s   %s\n", width, spec.Name, spec.Kind, strings.Join(spec.Events, ", "))
	}
	text.WriteByte('\n')
	if s.handlers.hasKind("label", "workorder") && s.handlers.source == builtInSource {
		text.WriteString("Files are printed to   ./printed\n")
	}
	fmt.Fprintf(&text, "Health and metrics     http://%s", s.admin.Addr())
	return text.String()
}

// firstSteps are lines to copy: an event, from two languages, and what became of it.
func (s *service) firstSteps() string {
	event := sampleEvent(s.handlers.Handlers[0].Events[0])
	xadd := shellWords(stream.Command{"XADD", s.config.Stream, "*", "event", event, "data", sampleOrder})
	lines := []string{"\nAdd an event, from any Redis client:", ""}
	if host, port, plain := plainServer(where(s.client)); plain {
		lines = append(lines,
			fmt.Sprintf("  redis-cli%s -p %s %s", hostFlag(host), port, xadd), "",
			"  php -r "+shellWord(phpProgram(host, port, s.config.Stream, event)), "")
	} else {
		lines = append(lines, "  "+s.name+" publish "+shellWords(stream.Command{event, sampleOrder}), "")
	}
	return strings.Join(append(lines,
		"See what became of it, with the ID that was printed:", "",
		"  "+s.name+" event ID", "",
		"Stop with Ctrl-C.", ""), "\n")
}

// sampleEvent is the name of an event that a handler wants which subscribes to pattern.
func sampleEvent(pattern string) string {
	const usual = "NEW_ORDER_RECEIVED"
	if stream.MatchName(pattern, usual) {
		return usual
	}
	return strings.ReplaceAll(pattern, "*", "test")
}

// plainServer takes the address of a single server without TLS apart.
func plainServer(address string) (host, port string, plain bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "redis" || strings.Contains(parsed.Host, ",") {
		return "", "", false
	}
	return parsed.Hostname(), parsed.Port(), true
}

// hostFlag is what tells redis-cli of another host than its own default.
func hostFlag(host string) string {
	if host == "127.0.0.1" || host == "localhost" {
		return ""
	}
	return " -h " + host
}

// shellWords are the words of a command as a shell takes them.
func shellWords(command stream.Command) string {
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = shellWord(word)
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word that a shell would not pass on as it is.
func shellWord(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// phpProgram adds an event with the sample's data and prints the ID of its entry.
func phpProgram(host, port, key, event string) string {
	return fmt.Sprintf(`$r = new Redis(); $r->connect("%s", %s); `+
		`echo $r->xAdd(%s, "*", ["event" => %s, "data" => json_encode(%s)]), "\n";`,
		host, port, phpText(key), phpText(event), phpSample(sampleOrder))
}

// phpText is a text as PHP writes it (PHP manual, "Strings": double quoted).
func phpText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(text) + `"`
}

// phpSample is the sample's data as PHP writes it.
func phpSample(data string) string {
	return strings.NewReplacer("{", "[", "}", "]", ":", " => ", ",", ", ").Replace(data)
}
