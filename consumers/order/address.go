package order

import (
	"slices"
	"strings"
	"unicode"
)

// Address is a place and who is there. Each part may be missing.
type Address struct {
	Name       string
	Company    string
	Phone      string
	Line1      string
	Line2      string
	District   string
	City       string
	State      string
	PostalCode string
	Country    string
	// Text is the address where it was given as one text, with its line breaks; the parts above, but Name and Phone,
	// are empty then.
	Text string
}

// IsZero tells whether nothing of the address is given.
func (a Address) IsZero() bool { return a == Address{} }

// Lines is the place as its country writes it, without name, company and phone: in Chinese, Japanese and Korean from
// the large to the small, and elsewhere from the street to the country. A text is returned line by line.
func (a Address) Lines() []string {
	switch {
	case a.Text != "":
		return nonEmpty(strings.Split(a.Text, "\n")...)
	case strings.ContainsFunc(a.Line1+a.City+a.State, isEastAsian):
		return a.eastAsianLines()
	default:
		return a.westernLines()
	}
}

func (a Address) eastAsianLines() []string {
	region := nonEmpty(a.Country, a.State, a.City, a.District)
	// Beijing is both province and city: say it once.
	region = slices.Compact(region)
	return nonEmpty(strings.Join(region, " "), a.Line1, a.Line2)
}

func (a Address) westernLines() []string {
	return nonEmpty(a.Line1, a.Line2, a.District, a.westernCity(), a.Country)
}

// westernCity is `Portland, OR 97201`, `10115 Berlin` or `Oxford OX1 1AA`: without a state, a code that begins with a
// digit stands before the city, as on most of the European continent.
func (a Address) westernCity() string {
	switch {
	case a.State != "":
		return strings.Join(nonEmpty(a.City, strings.Join(nonEmpty(a.State, a.PostalCode), " ")), ", ")
	case strings.IndexFunc(a.PostalCode, unicode.IsDigit) == 0:
		return strings.Join(nonEmpty(a.PostalCode, a.City), " ")
	default:
		return strings.Join(nonEmpty(a.City, a.PostalCode), " ")
	}
}

func isEastAsian(char rune) bool {
	return unicode.In(char, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana)
}

// fullName puts first and last name in the order in which their language does.
func fullName(first, last string) string {
	if strings.ContainsFunc(first+last, isEastAsian) {
		return last + first
	}
	return strings.Join(nonEmpty(first, last), " ")
}

// nonEmpty is the texts that hold more than space, without the space around them.
func nonEmpty(texts ...string) []string {
	kept := make([]string, 0, len(texts))
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}
