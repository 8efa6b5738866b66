package order

import (
	"bytes"
	"cmp"
)

// Shipment is what an event such as ORDER_SHIPPED says of an order on its way. Each part may be missing.
type Shipment struct {
	// OrderID is the shop's own key of the order, exactly as it was written.
	OrderID string
	// OrderNumber is the shop's order number, where there is one beside the ID.
	OrderNumber string
	// Status is how far the order has come, in the producer's words.
	Status string
	// Carrier is who carries it.
	Carrier string
	// TrackingNumber is the carrier's number of the parcel.
	TrackingNumber string
}

// DecodeShipment reads a shipment from an event's data; the package comment says which keys it knows. Its error is an
// *InvalidError. Nothing is needed; what is there and is no text or number is a fault.
func DecodeShipment(data []byte) (Shipment, error) {
	r := &reader{partial: true}
	if problem := syntaxProblem(data); problem != "" {
		return Shipment{}, &InvalidError{Faults: []Fault{{Problem: problem}}}
	}
	shipment := r.shipment(bytes.TrimSpace(data))
	if len(r.invalid.Faults) > 0 {
		return Shipment{}, &r.invalid
	}
	return shipment, nil
}

func (r *reader) shipment(data []byte) Shipment {
	if data[0] != '{' {
		r.invalid.add(Fault{Problem: "expected a JSON object, got " + describe(data) + "; was it encoded twice?"})
		return Shipment{}
	}
	from := r.object(field{value: data})
	own := r.parcel(from)
	if nested := from.find("shipment", "tracking", "fulfillment", "fulfilment"); nested.value != nil && nested.value[0] == '{' {
		parcel := r.parcel(r.object(nested))
		own.Status = cmp.Or(own.Status, parcel.Status)
		own.Carrier = cmp.Or(own.Carrier, parcel.Carrier)
		own.TrackingNumber = cmp.Or(own.TrackingNumber, parcel.TrackingNumber)
	}
	own.OrderID = r.id(from.find("order_id", "id"))
	own.OrderNumber = r.id(from.find("order_no", "order_number", "order_sn", "increment_id", "number"))
	return own
}

// parcel reads what may stand in the event itself or in an object of its own.
func (r *reader) parcel(from object) Shipment {
	return Shipment{
		Status:  r.word(from.find("status", "shipping_status", "delivery_status")),
		Carrier: r.short(from, "carrier", "carrier_name", "carrier_code", "shipping_company", "express_company", "courier"),
		TrackingNumber: r.short(from, "tracking_number", "tracking_no", "tracking_code", "track_number", "waybill",
			"waybill_no", "express_no", "awb"),
	}
}

// word reads a text or a number; what is neither, such as an object with more about a status, is passed over.
func (r *reader) word(from field) string {
	if _, isScalar := scalarText(from.value); !isScalar {
		return ""
	}
	return r.text(from, MaxTextLength)
}
