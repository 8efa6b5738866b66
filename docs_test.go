package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/internal/catalog"
)

// These tests keep the documentation true to the code, and the two READMEs in step.

const (
	english = "README.md"
	chinese = "README.zh-CN.md"
)

// pages are all pages of documentation.
func pages(t *testing.T) []string {
	t.Helper()
	below, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(below, english, chinese, "CHANGELOG.md", "CONTRIBUTING.md", "k8s/README.md", "examples/shop/README.md")
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// find returns the first group of every match of pattern in text.
func find(pattern, text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks are the contents of a page's code blocks, all or those in one language.
func blocks(page, language string) []string {
	var found []string
	for _, match := range fenced.FindAllStringSubmatch(page, -1) {
		if language == "" || match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

// prose is a page without its code blocks.
func prose(page string) string { return fenced.ReplaceAllString(page, "") }

func TestReadmeListsEveryVariable(t *testing.T) {
	t.Parallel()
	var want []string
	for _, field := range regexp.MustCompile("`env:\"([A-Z_]+)\"(?: envDefault:\"(.*)\")?`").
		FindAllStringSubmatch(read(t, "config.go"), -1) {
		want = append(want, "MILLRACE_"+field[1]+" "+field[2])
	}
	row := regexp.MustCompile("(?m)^\\| `(MILLRACE_[A-Z_]+)` \\| (?:`(.*?)`|empty|空) \\|")
	for _, page := range []string{english, chinese} {
		var got []string
		for _, cells := range row.FindAllStringSubmatch(read(t, page), -1) {
			got = append(got, cells[1]+" "+cells[2])
		}
		if !slices.Equal(got, want) {
			t.Errorf("variables and defaults in the table of %s: got\n%s\nwant those of config.go\n%s",
				page, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestDocumentedVariablesExist(t *testing.T) {
	t.Parallel()
	known := find(`env:"([A-Z_]+)"`, read(t, "config.go"))
	known = append(known, "TEST_WITHOUT_REDIS", "TEST_REDIS_SERVERS", "REQUIRE_TOOLS") // of the tests alone
	known = append(known, "EVENT", "EVENT_ID", "DELIVERIES", "MODE")                   // set for the programs of `command`
	for _, page := range pages(t) {
		for _, name := range find(`\bMILLRACE_([A-Z_]+)\b`, read(t, page)) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names MILLRACE_%s, which nothing reads", page, name)
			}
		}
	}
}

func TestReadmesAreInStep(t *testing.T) {
	t.Parallel()
	shape := func(path string) map[string][]string {
		page := read(t, path)
		return map[string][]string{
			"code blocks": blocks(page, ""),
			"headings":    find(`(?m)^(#+) `, prose(page)),
			"table rows":  find("(?m)^\\|( `[^`]+`)? ", prose(page)),
			"links":       find(`\]\(([^)]+\.md|LICENSE)\)`, strings.Replace(page, chinese, english, 1)),
		}
	}
	translated := shape(chinese)
	for part, want := range shape(english) {
		if got := translated[part]; !slices.Equal(got, want) {
			t.Errorf("%s of %s: got %q, want those of %s, %q", part, chinese, got, english, want)
		}
	}
}

func TestDocumentedHandlersFilesAreRead(t *testing.T) {
	t.Parallel()
	for _, page := range []string{english, "docs/handlers-file.md", "docs/kinds.md", "docs/php.md", "docs/printers.md"} {
		if len(blocks(read(t, page), "yaml")) == 0 {
			t.Errorf("%s shows no handlers file", page)
		}
	}
	for _, page := range pages(t) {
		for _, file := range blocks(read(t, page), "yaml") {
			if _, err := catalog.Parse(page, []byte(file), catalog.Defaults{}); err != nil {
				t.Errorf("a handlers file in %s: %v\n%s", page, err, file)
			}
		}
	}
}

func TestDocumentedOrdersAreRead(t *testing.T) {
	t.Parallel()
	orders := append(blocks(read(t, "docs/events.md"), "json"),
		find(`'(\{"order_id".*?\})'`, read(t, english)+read(t, "docs/events.md"))...)
	for _, data := range orders {
		_, err := order.Decode([]byte(data))
		if short := data == `{"order_id":12345}`; (err == nil) == short { // the one with the name that is misspelt
			t.Errorf("order %s: %v", data, err)
		}
	}
}

func TestDocumentedProgramsCompile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles programs")
	}
	programs := blocks(read(t, english), "go")
	if len(programs) == 0 {
		t.Fatal("no program in " + english)
	}
	for _, program := range programs {
		path := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.CommandContext(t.Context(), "go", "vet", path).CombinedOutput(); err != nil {
			t.Errorf("go vet: %v\n%s\n%s", err, output, program)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, link := range find(`\]\(([^)]+)\)`, prose(read(t, page))) {
			path, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %q: %v", page, link, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links to %q: there is no such heading", page, link)
			}
		}
	}
}

// anchors are what a page's headings are linked by: in lower case, with dashes for spaces, without other signs.
func anchors(page string) []string {
	headings := find(`(?m)^#+ (.*)$`, prose(page))
	for i, heading := range headings {
		headings[i] = strings.Map(func(sign rune) rune {
			switch {
			case sign == ' ':
				return '-'
			case unicode.IsLetter(sign), unicode.IsDigit(sign), sign == '-', sign == '_':
				return unicode.ToLower(sign)
			default:
				return -1
			}
		}, heading)
	}
	return headings
}

// sources is the code of the packages below directories, without their tests.
func sources(t *testing.T, directories ...string) string {
	t.Helper()
	var all strings.Builder
	for _, directory := range directories {
		files, err := filepath.Glob(filepath.Join(directory, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				all.WriteString(read(t, file))
			}
		}
	}
	return all.String()
}

func TestOperationsPageKnowsEveryLogLine(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/operations.md")
	table := page[strings.Index(page, "\n## The log\n"):strings.Index(page, "\n## The metrics\n")]
	code := sources(t, "consumers", "consumers/command", "consumers/notify", "internal/admin", "internal/command")
	for _, line := range find(`(?i)log(?:ger)?\.(?:Warn|Error)\("(.*?)(?::? run its.*| for trying.*|: |"|\\)`, code) {
		if !strings.HasPrefix(line, "MILLRACE_") && !strings.Contains(table, line) {
			t.Errorf("docs/operations.md does not explain the log line %q", line)
		}
	}
	for _, line := range find("(?m)^\\| `([^`]+)`", table) {
		if !strings.Contains(code, `"`+line) {
			t.Errorf("docs/operations.md explains %q, which nothing logs", line)
		}
	}
}

func TestOperationsPageKnowsEveryMetric(t *testing.T) {
	t.Parallel()
	want := find(`(?:counter|seconds|desc)\("([a-z_]+)"`, sources(t, "consumers", "internal/command"))
	want = append(want, find(`"millrace_([a-z_]+)"`, sources(t, "consumers", "internal/command"))...)
	got := find(`\bmillrace_([a-z_]+)`, read(t, "docs/operations.md"))
	for _, page := range []string{english, chinese} {
		for _, name := range find(`\bmillrace_([a-z_]+)`, read(t, page)) {
			if !slices.Contains(want, name) {
				t.Errorf("%s names the metric millrace_%s, which there is not", page, name)
			}
		}
	}
	if got, want := unique(got), unique(want); !reflect.DeepEqual(got, want) {
		t.Errorf("metrics in docs/operations.md: got %q, want %q", got, want)
	}
}

func TestOperationsPageKnowsEveryJSONKey(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/operations.md")
	table := page[strings.Index(page, "\n## JSON\n"):strings.Index(page, "\n## With redis-cli alone\n")]
	code := sources(t, "stream", "internal/command")
	for _, row := range find(`(?m)^\|[^|]*\|(.*)\|$`, table) {
		for _, key := range find("`([a-z_]+)`", row) {
			if !strings.Contains(code, "`json:\""+key+"\"") && !strings.Contains(code, "`json:\""+key+",") &&
				!strings.Contains(code, `"`+key+`": `) { // of a map that is printed
				t.Errorf("docs/operations.md names the JSON key %q, which nothing prints", key)
			}
		}
	}
	printed := regexp.MustCompile("`json:\"([a-z_]+)")
	for _, file := range []string{
		"stream/inspect.go", "stream/inspect_event.go", "stream/inspect_pending.go", "stream/dead.go", "stream/requeue.go",
		"stream/retention.go", "internal/command/check.go", "internal/command/trim.go", "internal/command/version.go",
	} {
		for _, match := range printed.FindAllStringSubmatch(read(t, file), -1) {
			if !strings.Contains(table, "`"+match[1]+"`") {
				t.Errorf("docs/operations.md does not name the JSON key %q of %s", match[1], file)
			}
		}
	}
}

func unique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
