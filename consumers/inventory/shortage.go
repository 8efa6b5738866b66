package inventory

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/stream"
)

// shortage is every product that could not be reserved.
type shortage []missing

// missing is one of them.
type missing struct {
	product, wanted string
	stock           string // as it stands in the hash
	known           bool   // false: it is not in the hash
}

// parseShortage reads the reply of the script reserve.
func parseShortage(reply []any) shortage {
	all := make(shortage, 0, len(reply))
	for _, element := range reply {
		fields, _ := element.([]any)
		if len(fields) != 3 {
			continue
		}
		product, _ := fields[0].(string)
		wanted, _ := fields[1].(string)
		stock, known := fields[2].(string)
		all = append(all, missing{product, wanted, stock, known})
	}
	return all
}

// Error names the products, as many as a dead letter has room for.
func (s shortage) Error() string {
	const room = stream.MaxErrorBytes - 400 // for the words before and after
	var text strings.Builder
	for i, product := range s {
		part := product.String()
		if text.Len()+len(part) > room {
			fmt.Fprintf(&text, "; and %d more", len(s)-i)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(part)
	}
	return text.String()
}

// String says what is wrong with the product. What producers and other programs wrote is quoted.
func (m missing) String() string {
	product := quote(m.product)
	switch {
	case !m.known:
		return fmt.Sprintf("product %s: wanted %s, not in the stock", product, m.wanted)
	case !isWhole(m.stock):
		return fmt.Sprintf("product %s: wanted %s, but the stock is no whole number: %s", product, m.wanted, quote(m.stock))
	default:
		return fmt.Sprintf("product %s: wanted %s, available %s", product, m.wanted, m.stock)
	}
}

// isWhole tells whether text is a number that Redis can count with: HINCRBY takes no other form.
func isWhole(text string) bool {
	number, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(number, 10) == text
}

// quote returns text in quotes, cut to a length that leaves room for others.
func quote(text string) string {
	const most = 60
	runes := []rune(text)
	if len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
