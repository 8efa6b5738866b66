package command

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
)

// output is how a command prints what it found.
type output struct{ format string }

// addTo adds the flag to a command.
func (o *output) addTo(command *cobra.Command) {
	command.Flags().VarP(o, "output", "o", "how to print: table or json")
}

// String is the format, for the flag.
func (o *output) String() string {
	if o.format == "" {
		return "table"
	}
	return o.format
}

// Set takes the flag's value.
func (o *output) Set(format string) error {
	if format != "table" && format != "json" {
		return fmt.Errorf("expected table or json")
	}
	o.format = format
	return nil
}

// Type is what the help shows for the value.
func (o *output) Type() string { return "format" }

func (o *output) isJSON() bool { return o.format == "json" }

// printJSON prints a value in JSON, indented. Characters that a terminal would obey are escaped.
func (p *program) printJSON(value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	p.println(escapeObeyed(string(content)))
	return nil
}

func (p *program) println(words ...any) { fmt.Fprintln(p.Stdout, words...) }

func (p *program) printf(format string, values ...any) { fmt.Fprintf(p.Stdout, format, values...) }

// column is a column of a table.
type column struct {
	head   string
	number bool // aligned to the right
}

// columns are columns of words; those whose head begins with # are numbers.
func columns(heads ...string) []column {
	all := make([]column, len(heads))
	for i, head := range heads {
		all[i].head, all[i].number = strings.CutPrefix(head, "#")
	}
	return all
}

// printTable prints rows under heads, without borders, aligned also where characters are two cells wide.
func (p *program) printTable(columns []column, rows [][]string) {
	writer := table.NewWriter()
	writer.SetStyle(plain())
	writer.SuppressTrailingSpaces()
	heads := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, 0, len(columns))
	for i, column := range columns {
		heads[i] = column.head
		if column.number {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	writer.AppendHeader(heads)
	writer.SetColumnConfigs(configs)
	for _, cells := range rows {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = cell
		}
		writer.AppendRow(row)
	}
	p.println(writer.Render())
}

func plain() table.Style {
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: "   "}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{}
	return style
}

// printFacts prints what belongs to names, below one another; facts without a value are left out.
func (p *program) printFacts(facts ...[2]string) {
	facts = slices.DeleteFunc(facts, func(fact [2]string) bool { return fact[1] == "" })
	width := 0
	for _, fact := range facts {
		width = max(width, text.StringWidth(fact[0]))
	}
	for _, fact := range facts {
		value := strings.ReplaceAll(strings.TrimSpace(fact[1]), "\n", "\n"+strings.Repeat(" ", width+3))
		p.printf("%s   %s\n", text.Pad(fact[0], width, ' '), value)
	}
}

func itoa(number int) string { return strconv.Itoa(number) }
