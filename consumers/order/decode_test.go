package order_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/order"
)

const smallest = `{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`

func TestDecodeSmallest(t *testing.T) {
	t.Parallel()
	got, err := order.Decode([]byte(smallest))
	if err != nil {
		t.Fatalf("Decode(%s): %v", smallest, err)
	}
	want := order.Order{
		ID: "12345", Number: "12345", CustomerID: "67890", Items: []order.Item{{ProductID: "1", Quantity: 2}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Decode(%s) = %+v, want %+v", smallest, got, want)
	}
}

func TestDecodeEverything(t *testing.T) {
	t.Parallel()
	data := `{
		"order_id": 90071992547409931234, "order_no": "SO-2025-001", "customer_id": "c-7", "currency": "CNY", "total": 59.90,
		"created_at": "2025-11-21T08:30:00+08:00", "notes": "Ring twice.\n请按两次门铃。",
		"customer": {"name": "王小明", "phone": 13800138000, "email": "wang@example.com", "company": "示例公司"},
		"shipping_address": {"recipient": "李雷", "company": "三号仓", "phone": "010-1", "street": ["长安街1号", "2单元"],
			"address2": "301室", "district": "东城区", "city": "北京市", "province": "北京市", "zip": 100000, "country": "中国"},
		"sender": "Millrace Ltd\n1 Mill Lane",
		"items": [{"product_id": 1, "quantity": 2, "title": "手冲壶", "sku": "A-1", "unit_price": 29.95, "note": "blue"}]
	}`
	got, err := order.Decode([]byte(data))
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	want := order.Order{
		ID: "90071992547409931234", Number: "SO-2025-001", CustomerID: "c-7", Currency: "CNY", Total: "59.90",
		Notes:    "Ring twice.\n请按两次门铃。",
		Customer: order.Customer{Name: "王小明", Phone: "13800138000", Email: "wang@example.com", Company: "示例公司"},
		ShipTo: order.Address{
			Name: "李雷", Company: "三号仓", Phone: "010-1", Line1: "长安街1号, 2单元", Line2: "301室", District: "东城区",
			City: "北京市", State: "北京市", PostalCode: "100000", Country: "中国",
		},
		Sender: order.Address{Text: "Millrace Ltd\n1 Mill Lane"},
		Items: []order.Item{
			{ProductID: "1", Quantity: 2, Title: "手冲壶", SKU: "A-1", UnitPrice: "29.95", Note: "blue"},
		},
	}
	if created := "2025-11-21T08:30:00+08:00"; got.CreatedAt.Format(time.RFC3339) != created {
		t.Errorf("CreatedAt = %s, want %s", got.CreatedAt.Format(time.RFC3339), created)
	}
	got.CreatedAt = time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Decode = %+v\nwant %+v", got, want)
	}
}

func TestDecodeSpellings(t *testing.T) {
	t.Parallel()
	item := `"items":[{"product_id":1,"quantity":1}]`
	tests := map[string]struct {
		data string
		read func(order.Order) string
		want string
	}{
		"camelCase": {
			`{"orderId":7,"lineItems":[{"productId":"p","quantity":1}]}`,
			func(o order.Order) string { return o.ID + o.Items[0].ProductID }, "7p",
		},
		"bare id": {`{"id":"a","number":"N1",` + item + `}`, func(o order.Order) string { return o.ID + o.Number }, "aN1"},
		"gaps left by array_filter": {
			`{"order_id":1,"items":{"10":{"product_id":"b","qty":1},"2":{"product_id":"a","qty":1}}}`,
			func(o order.Order) string { return o.Items[0].ProductID + o.Items[1].ProductID }, "ab",
		},
		"what PHP sends for nothing": {
			`{"order_id":1,"customer":[],"customer_id":null,"notes":false,"order_no":"","shipping_address":{},` + item + `}`,
			func(o order.Order) string { return o.Number + o.CustomerID + o.Notes }, "1",
		},
		"first and last name": {
			`{"order_id":1,"shipping":{"first_name":"Ada","lastname":"Lovelace"},` + item + `}`,
			func(o order.Order) string { return o.ShipTo.Name }, "Ada Lovelace",
		},
		"first and last name in Chinese": {
			`{"order_id":1,"billing":{"first_name":"小明","last_name":"王"},` + item + `}`,
			func(o order.Order) string { return o.Customer.Name }, "王小明",
		},
		"an address in the order itself": {
			`{"order_id":1,"consignee":"王小明","mobile":"138","province":"广东省","city":"深圳市","address":"科技路1号",` + item + `}`,
			func(o order.Order) string { return fmt.Sprint(o.ShipTo.Name, o.ShipTo.Phone, o.ShipTo.Lines()) },
			"王小明138[广东省 深圳市 科技路1号]",
		},
		"an address as one text": {
			`{"order_id":1,"address":"1 Mill Lane\n\nOxford",` + item + `}`,
			func(o order.Order) string { return strings.Join(o.ShipTo.Lines(), "|") }, "1 Mill Lane|Oxford",
		},
		"a whole float": {
			`{"order_id":1,"items":[{"product_id":1,"quantity":"2.0000"},{"product_id":2,"quantity":3.0}]}`,
			func(o order.Order) string { return fmt.Sprint(o.Pieces()) }, "5",
		},
		"the customer's e-mail beside the customer": {
			`{"order_id":1,"customer":{"name":"Ada"},"email":"ada@example.com",` + item + `}`,
			func(o order.Order) string { return o.Customer.Email }, "ada@example.com",
		},
		"unix seconds": {
			`{"order_id":1,"created_at":1763700000,` + item + `}`,
			func(o order.Order) string { return o.CreatedAt.Format(time.RFC3339) }, "2025-11-21T04:40:00Z",
		},
		"unix milliseconds as a text": {
			`{"order_id":1,"created_at":"1763700000000",` + item + `}`,
			func(o order.Order) string { return o.CreatedAt.Format(time.RFC3339) }, "2025-11-21T04:40:00Z",
		},
		"a PHP DateTime": {
			`{"order_id":1,"created_at":{"date":"2025-11-21 04:40:00.000000","timezone_type":3,"timezone":"UTC"},` + item + `}`,
			func(o order.Order) string { return o.CreatedAt.Format(time.RFC3339) }, "2025-11-21T04:40:00Z",
		},
		"no time at all": {
			`{"order_id":1,"created_at":"yesterday",` + item + `}`,
			func(o order.Order) string { return fmt.Sprint(o.CreatedAt.IsZero()) }, "true",
		},
		"an order that names no recipient goes to its customer": {
			`{"order_id":1,"customer":{"name":"Ada","company":"Mill","phone":"1"},"address":"Lane",` + item + `}`,
			func(o order.Order) string { r := o.Recipient(); return r.Name + r.Company + r.Phone }, "AdaMill1",
		},
		"a recipient is not given the customer's company": {
			`{"order_id":1,"customer":{"name":"Ada","company":"Mill","phone":"1"},"ship_to":{"name":"Bob"},` + item + `}`,
			func(o order.Order) string { r := o.Recipient(); return r.Name + r.Company + r.Phone }, "Bob1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoded, err := order.Decode([]byte(test.data))
			if err != nil {
				t.Fatalf("Decode(%s): %v", test.data, err)
			}
			if got := test.read(decoded); got != test.want {
				t.Errorf("Decode(%s) gives %q, want %q", test.data, got, test.want)
			}
		})
	}
}

const (
	idExpected    = "expected a whole number or a text of 1 to 300 characters"
	countExpected = "expected a whole number of at least 1"
)

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		``:                   "expected a JSON object, but at byte 0 of 0",
		`{"order_id"`:        "expected a JSON object, but at byte 11 of 11",
		`Array`:              "expected a JSON object, but at byte 1 of 5",
		`[1]`:                "expected a JSON object, got a list",
		`null`:               "expected a JSON object, got null",
		`"{\"order_id\":1}"`: "expected a JSON object, got a text of 14 characters; was it encoded twice?",
		`{}`: "order_id: missing or empty: expected a whole number or a text; " +
			"items: missing or empty: expected a list of 1 to 1000 items",

		replaced(`12345`, `1e3`):                             "order_id: " + idExpected + ", got 1e3",
		replaced(`12345`, `1.0`):                             "order_id: " + idExpected + ", got 1.0",
		replaced(`12345`, `true`):                            "order_id: " + idExpected + ", got true",
		replaced(`12345`, `{"a":1}`):                         "order_id: " + idExpected + ", got an object",
		replaced(`12345`, `" "`):                             "order_id: " + idExpected + ", got an empty text",
		replaced(`12345`, quoted("x", 301)):                  "order_id: " + idExpected + ", got a text of 301 characters",
		replaced(`67890`, `[1]`):                             "customer_id: " + idExpected + ", got a list",
		replaced(`[{`, `"two" , "x":[{`):                     "items: expected a list of 1 to 1000 items, got a text of 3 characters",
		replaced(`[{`, `[7,{`):                               "items[0]: expected an object with product_id and quantity, got 7",
		replaced(`"product_id":1,`, ``):                      "items[0].product_id: missing or empty: expected a whole number or a text",
		replaced(`"quantity":2`, `"qty":0`):                  "items[0].qty: " + countExpected + ", got 0",
		replaced(`"quantity":2`, `"x":0`):                    "items[0].quantity: missing or empty: expected a whole number of at least 1",
		replaced(`y":2`, `y":-3`):                            "items[0].quantity: " + countExpected + ", got -3",
		replaced(`y":2`, `y":1.5`):                           "items[0].quantity: " + countExpected + ", got 1.5",
		replaced(`y":2`, `y":1e3`):                           "items[0].quantity: " + countExpected + ", got 1e3",
		replaced(`y":2`, `y":"two"`):                         "items[0].quantity: " + countExpected + ", got a text of 3 characters",
		replaced(`y":2`, `y":"-2"`):                          "items[0].quantity: " + countExpected + `, got "-2"`,
		replaced(`y":2`, `y":1000000001`):                    "items[0].quantity: expected at most 1000000000, got 1000000001",
		replaced(`y":2`, `y":2,"title":true`):                "items[0].title: expected a text, got true",
		replaced(`y":2`, `y":2,"title":`+quoted("字", 1001)):  "items[0].title: expected at most 1000 characters, got a text of 1001 characters",
		replaced(`67890,`, `1,"address":{"city":{"id":3}},`): "address.city: expected a text, got an object",
	}
	for data, want := range tests {
		decoded, err := order.Decode([]byte(data))
		invalid := (*order.InvalidError)(nil)
		if !errors.As(err, &invalid) {
			t.Errorf("Decode(%.80s) = %+v, %v, want an *InvalidError", data, decoded, err)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "not a valid order: "+want) {
			t.Errorf("Decode(%.80s): %s\nwant %s", data, got, want)
		}
	}
}

func TestDecodeTellsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := order.Decode([]byte(`{"customer_id":1.5,"items":[{"product_id":1,"quantity":-3},{"quantity":1}]}`))
	want := "not a valid order: " +
		"order_id: missing or empty: expected a whole number or a text; " +
		"customer_id: " + idExpected + ", got 1.5; " +
		"items[0].quantity: " + countExpected + ", got -3; " +
		"items[1].product_id: missing or empty: expected a whole number or a text"
	if err == nil || err.Error() != want {
		t.Errorf("Decode: %v\nwant %s", err, want)
	}
}

func TestDecodeLimits(t *testing.T) {
	t.Parallel()
	if _, err := order.Decode([]byte(ordering(order.MaxItems, 1))); err != nil {
		t.Errorf("Decode of %d items: %v", order.MaxItems, err)
	}
	_, err := order.Decode([]byte(ordering(order.MaxItems+1, 1)))
	if want := "not a valid order: items: expected a list of 1 to 1000 items, got 1001"; err == nil || err.Error() != want {
		t.Errorf("Decode of %d items: %v, want %s", order.MaxItems+1, err, want)
	}
	_, err = order.Decode([]byte(ordering(order.MaxItems, -1)))
	if err == nil || !strings.HasSuffix(err.Error(), "; and 980 more") || len(err.Error()) > 2048 {
		t.Errorf("Decode of %d faults: %v, want 20 of them and a count, in 2 KiB", order.MaxItems, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		smallest, `{}`, `[]`, `null`, `Array`, ``, ordering(3, 1), replaced(`y":2`, `y":"2.0"`),
		`{"id":"a","items":{"3":{"id":1,"qty":"1"}},"shipping":{"firstName":"é","street":["a",null]},"created":{"date":"x"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := order.Decode(data)
		if err != nil {
			return
		}
		if decoded.ID == "" || decoded.Number == "" || len(decoded.Items) == 0 || len(decoded.Items) > order.MaxItems {
			t.Errorf("Decode(%q) = %+v, want an ID, a number and 1 to %d items", data, decoded, order.MaxItems)
		}
		for i, item := range decoded.Items {
			if item.ProductID == "" || item.Quantity < 1 || item.Quantity > order.MaxQuantity {
				t.Errorf("Decode(%q): items[%d] = %+v, want an ID and a quantity of 1 to %d", data, i, item, order.MaxQuantity)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := order.Decode([]byte(smallest)); err != nil {
			b.Fatal(err)
		}
	}
}

// replaced is the smallest order with one part of it exchanged.
func replaced(part, other string) string { return strings.Replace(smallest, part, other, 1) }

func quoted(text string, times int) string { return `"` + strings.Repeat(text, times) + `"` }

func ordering(items, quantity int) string {
	item := fmt.Sprintf(`{"product_id":1,"quantity":%d},`, quantity)
	return `{"order_id":1,"items":[` + strings.TrimSuffix(strings.Repeat(item, items), ",") + `]}`
}
