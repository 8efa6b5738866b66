package command_test

import (
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/command"
)

// languages are the interpreters that examples are written for.
func languages() map[string]struct{ tool, debianPackage, extension string } {
	return map[string]struct{ tool, debianPackage, extension string }{
		"php": {"php", "php-cli", ".php"}, "python": {"python3", "python3", ".py"}, "node": {"node", "nodejs", ".js"},
	}
}

// TestHelpers has every language's helper face code that prints, fails and ends, in both modes.
func TestHelpers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		do, only, result, verdict, fault string // no fault: success
	}{
		{do: `{}`},
		{do: `{"do":"false"}`, result: "false"},
		{do: `{"do":"array"}`, result: `{"booked":1.5,"name":"王","path":"a/b"}`},
		{do: `{"do":"throw"}`, verdict: "retry", fault: "it failed\n"},
		{do: `{"do":"permanent"}`, verdict: "permanent", fault: "never"},
		{do: `{"do":"later"}`, verdict: "retry after 1m30s", fault: "not now"},
		{do: `{"do":"bytes"}`, only: "php", result: "a\ufffdb"},
		{do: `{"do":"warning"}`, only: "php"},
		{do: `{"do":"error"}`, only: "php", verdict: "retry", fault: "Call to undefined function undefined_function()"},
		{do: `{"do":"memory"}`, only: "php", verdict: "retry", fault: "Allowed memory size"},
		{do: `{"do":"large","number":12345678901234567890}`, only: "php", result: "12345678901234567890"},
		{do: strings.Repeat("[", 600) + strings.Repeat("]", 600), only: "php", verdict: "permanent", fault: "PHP cannot read the event"},
		{do: strings.Repeat("[", 9000) + strings.Repeat("]", 9000), only: "python", verdict: "permanent", fault: "Python cannot read the event"},
		{do: `{"do":"unfit"}`, only: "python", verdict: "retry", fault: "not JSON serializable"},
		{do: `{"do":"nan"}`, only: "python", verdict: "retry", fault: "not JSON compliant"},
		{do: `{"do":"unfit"}`, only: "node", verdict: "permanent", fault: "no JSON"},
		{do: "{\"do\":\"separators\",\"text\":\"\u2028\u2029\"}", only: "node", result: "2"},
	}
	for name := range languages() {
		for _, mode := range []command.Mode{command.Once, command.Persistent} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				handler := interpreted(t, name, "testdata/rude", mode)
				for _, test := range tests {
					if test.only != "" && test.only != name {
						continue
					}
					event := delivery(test.do)
					err := handler.Handle(t.Context(), event)
					if got := plain(string(event.Result)); got != test.result {
						t.Errorf("%.60s: got the result %q, want %q", test.do, got, test.result)
					}
					if got := message(err); (got == "") != (test.fault == "") || !strings.Contains(got, test.fault) {
						t.Errorf("%.60s: got the error %q, want %q", test.do, got, test.fault)
					}
					if got := verdict(err); err != nil && got != test.verdict {
						t.Errorf("%.60s: got %v: %s, want %s", test.do, err, got, test.verdict)
					}
				}
			})
		}
	}
}

// interpreted is a handler written in a language; script is its file without the extension.
func interpreted(t testing.TB, name, script string, mode command.Mode, environment ...string) *command.Handler {
	t.Helper()
	language := languages()[name]
	return newHandler(t, command.Options{
		Argv: []string{requireTool(t, language.tool, language.debianPackage), script + language.extension}, Mode: mode,
		Environment: append(environment, "PATH="+os.Getenv("PATH")),
	})
}

// plain takes the spaces out that one language writes into its JSON and the other does not, and its escapes.
func plain(text string) string {
	return strings.NewReplacer(": ", ":", ", ", ",", `\u738b`, "王").Replace(text)
}

// TestEndInTheMiddle has code end its process: its event alone is tried again, and the next one finds another process.
func TestEndInTheMiddle(t *testing.T) {
	t.Parallel()
	for name := range languages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := interpreted(t, name, "testdata/rude", command.Persistent)
			for range 3 {
				if err := handler.Handle(t.Context(), delivery(`{}`)); err != nil {
					t.Errorf("an event that succeeds: %v", err)
				}
				err := handler.Handle(t.Context(), delivery(`{"do":"exit"}`))
				if err == nil || verdict(err) != "retry" || !strings.Contains(err.Error(), "ended without an answer (exit status 0)") {
					t.Errorf("an event that ends the process: got %v, want another try, and how it ended", err)
				}
			}
		})
	}
}
