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
	event, data := s.sample()
	xadd := stream.Command{"XADD", s.config.Stream, "*", "event", event}
	lines := []string{"\nAdd an event, from any Redis client:", ""}
	if host, port, plain := plainServer(where(s.client)); plain {
		lines = append(lines,
			fmt.Sprintf("  redis-cli%s -p %s %s data '%s'", hostFlag(host), port, shellWords(xadd), data), "",
			fmt.Sprintf(`  php -r '$r = new Redis(); $r->connect("%s", %s); $r->xAdd("%s", "*", ["event" => "%s", "data" => json_encode(%s)]);'`,
				host, port, s.config.Stream, event, phpSample(data)), "")
	} else {
		lines = append(lines, fmt.Sprintf("  %s publish %s '%s'", s.name, event, data), "")
	}
	return strings.Join(append(lines,
		"See what became of it, with the ID that was printed:", "",
		"  "+s.name+" event ID", "",
		"Stop with Ctrl-C.", ""), "\n")
}

// sample is an event that the first handler wants, and its data.
func (s *service) sample() (event, data string) {
	event, data = "NEW_ORDER_RECEIVED", sampleOrder
	if first := s.handlers.Handlers[0].Events[0]; !stream.MatchName(first, event) && !strings.Contains(first, "*") {
		event = first
	}
	return event, data
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

// shellWords quotes the words that a shell would not pass on as they are.
func shellWords(command stream.Command) string {
	words := make([]string, len(command))
	for i, word := range command {
		if words[i] = word; strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-") != "" {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// phpSample is the sample's data as PHP writes it.
func phpSample(data string) string {
	return strings.NewReplacer("{", "[", "}", "]", ":", " => ", ",", ", ").Replace(data)
}
