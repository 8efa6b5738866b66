package round

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Table is what a workload prints, as Markdown.
type Table struct {
	Title   string
	Note    string // a line below the title; may be empty
	Columns []string
	Rows    [][]string
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print writes the table to out, or nothing where it has no rows.
func (t *Table) Print(out io.Writer) {
	if len(t.Rows) == 0 {
		return
	}
	fmt.Fprintf(out, "\n## %s\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(out, "%s\n", t.Note)
	}
	fmt.Fprintf(out, "\n| %s |\n|%s\n", strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)))
	for _, row := range t.Rows {
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
}

// Figure writes the median with three digits that count.
func (s Spread) Figure() string { return figure(s.Median) }

// Ratio writes the median and, in brackets, the ends.
func (s Spread) Ratio() string {
	return fmt.Sprintf("%s (%s-%s)", figure(s.Median), figure(s.Min), figure(s.Max))
}

func figure(value float64) string {
	switch {
	case value >= 1000:
		return Count(threeDigits(int(value + 0.5)))
	case value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}

// threeDigits rounds to three digits that count.
func threeDigits(value int) int {
	unit := 1
	for value >= 1000*unit {
		unit *= 10
	}
	return (value + unit/2) / unit * unit
}

// Count writes a whole number that is not negative, with its thousands apart.
func Count(value int) string {
	text := strconv.Itoa(value)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
