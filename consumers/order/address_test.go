package order_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/order"
)

func TestAddressLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		address order.Address
		want    string
	}{
		"nothing": {order.Address{Name: "Ada"}, ""},
		"western": {
			order.Address{Line1: "1 Mill Lane", Line2: "Flat 2", City: "Portland", State: "OR", PostalCode: "97201", Country: "USA"},
			"1 Mill Lane|Flat 2|Portland, OR 97201|USA",
		},
		"western without a state": {
			order.Address{Line1: "Mühlweg 1", City: "Berlin", PostalCode: "10115"}, "Mühlweg 1|10115 Berlin",
		},
		"British": {
			order.Address{Line1: "1 Mill Lane", City: "Oxford", PostalCode: "OX1 1AA"}, "1 Mill Lane|Oxford OX1 1AA",
		},
		"Chinese": {
			order.Address{
				Line1: "科技路1号", District: "南山区", City: "深圳市", State: "广东省", Country: "中国", PostalCode: "518000",
			},
			"中国 广东省 深圳市 南山区|科技路1号",
		},
		"a city that is its own province": {
			order.Address{Line1: "长安街1号", City: "北京市", State: "北京市"}, "北京市|长安街1号",
		},
		"text": {order.Address{Text: " 1 Mill Lane \r\n\nOxford\n"}, "1 Mill Lane|Oxford"},
	}
	for name, test := range tests {
		if got := strings.Join(test.address.Lines(), "|"); got != test.want {
			t.Errorf("%s: %+v.Lines() = %q, want %q", name, test.address, got, test.want)
		}
	}
}
