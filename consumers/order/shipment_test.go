package order_test

import (
	"testing"

	"github.com/millrace/millrace/consumers/order"
)

func TestDecodeShipment(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data string
		want order.Shipment
	}{
		"nothing": {`{}`, order.Shipment{}},
		"all of it": {
			`{"order_id":90071992547409931,"order_no":"SO-1","status":"in_transit","carrier":"顺丰速运","tracking_number":"SF1"}`,
			order.Shipment{
				OrderID: "90071992547409931", OrderNumber: "SO-1", Status: "in_transit", Carrier: "顺丰速运", TrackingNumber: "SF1",
			},
		},
		"camelCase, a number as a number": {
			`{"orderId":"a","shippingCompany":"UPS","trackingNo":123}`,
			order.Shipment{OrderID: "a", Carrier: "UPS", TrackingNumber: "123"},
		},
		"an object of its own": {
			`{"id":7,"carrier":"DHL","shipment":{"carrier":"x","awb":"B2","status":"shipped","id":9}}`,
			order.Shipment{OrderID: "7", Status: "shipped", Carrier: "DHL", TrackingNumber: "B2"},
		},
		"a status that is no word":   {`{"order_id":1,"status":{"id":3}}`, order.Shipment{OrderID: "1"}},
		"what PHP sends for nothing": {`{"order_id":1,"carrier":[],"tracking":false}`, order.Shipment{OrderID: "1"}},
	}
	for name, test := range tests {
		got, err := order.DecodeShipment([]byte(test.data))
		if err != nil || got != test.want {
			t.Errorf("%s: DecodeShipment(%s) = %+v, %v, want %+v", name, test.data, got, err, test.want)
		}
	}
	for data, want := range map[string]string{
		`Array`:               "not a valid order: expected a JSON object, but at byte 1 of 5",
		`[]`:                  "not a valid order: expected a JSON object, got a list; was it encoded twice?",
		`{"order_id":1.5}`:    "not a valid order: order_id: expected a whole number or a text of 1 to 300 characters, got 1.5",
		`{"carrier":{"a":1}}`: "not a valid order: carrier: expected a text, got an object",
	} {
		got, err := order.DecodeShipment([]byte(data))
		if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("DecodeShipment(%s) = %+v, %v, want %s", data, got, err, want)
		}
	}
}

func TestDecodePartial(t *testing.T) {
	t.Parallel()
	got, err := order.DecodePartial([]byte(`{"order_no":"SO-1","email":"ada@example.com"}`))
	if err != nil || got.Number != "SO-1" || got.Customer.Email != "ada@example.com" || len(got.Items) > 0 {
		t.Errorf("DecodePartial = %+v, %v, want a number and an e-mail", got, err)
	}
	whole, err := order.DecodePartial([]byte(smallest))
	if err != nil || whole.ID != "12345" || len(whole.Items) != 1 {
		t.Errorf("DecodePartial(%s) = %+v, %v, want all of it", smallest, whole, err)
	}
	for _, data := range []string{``, `[]`, `{"order_id":1.5}`, `{"items":[{"product_id":1}]}`, `{"items":7}`} {
		if got, err := order.DecodePartial([]byte(data)); err == nil {
			t.Errorf("DecodePartial(%s) = %+v, want an error", data, got)
		}
	}
}
