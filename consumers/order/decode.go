package order

import (
	"bytes"
	"cmp"
	"fmt"
)

// Decode reads an order from an event's data; the package comment says which keys it knows. Its error is an
// *InvalidError that lists all faults at once. Trying again cannot mend such data.
func Decode(data []byte) (Order, error) { return decode(data, &reader{}) }

// DecodePartial reads what an event that is about an order, such as ORDER_SHIPPED, says of it: as Decode does, but nothing
// is needed. ID, Number and Items may be empty then. What is there and wrong is a fault all the same.
func DecodePartial(data []byte) (Order, error) { return decode(data, &reader{partial: true}) }

func decode(data []byte, r *reader) (Order, error) {
	if problem := syntaxProblem(data); problem != "" {
		return Order{}, &InvalidError{Faults: []Fault{{Problem: problem}}}
	}
	order := r.order(bytes.TrimSpace(data))
	if len(r.invalid.Faults) > 0 {
		return Order{}, &r.invalid
	}
	return order, nil
}

func (r *reader) order(data []byte) Order {
	if data[0] != '{' {
		r.invalid.add(Fault{Problem: "expected a JSON object, got " + describe(data) + "; was it encoded twice?"})
		return Order{}
	}
	from := r.object(field{value: data})
	order := Order{
		ID:         r.neededID(from.find("order_id", "id")),
		Number:     r.id(from.find("order_no", "order_number", "order_sn", "increment_id", "number")),
		CustomerID: r.id(from.find("customer_id", "user_id", "member_id", "buyer_id")),
		CreatedAt:  r.moment(from.find("created_at", "order_date", "date_created", "created", "placed_at")),
		Customer:   r.orderCustomer(from),
		ShipTo:     r.shipTo(from),
		Sender:     r.address(from.find("sender", "ship_from", "from_address", "shipper")),
		Items:      r.items(from.find("items", "line_items", "order_items", "lines", "products", "goods")),
		Notes:      r.note(from, "notes", "note", "remark", "remarks", "comment", "customer_note", "buyer_message"),
		Currency:   r.short(from, "currency", "currency_code", "order_currency_code"),
		Total:      r.short(from, "total", "grand_total", "order_amount", "total_amount"),
	}
	order.Number = cmp.Or(order.Number, order.ID)
	return order
}

func (r *reader) neededID(from field) string {
	if from.value == nil && !r.partial {
		r.fault(from, "a whole number or a text")
	}
	return r.id(from)
}

func (r *reader) short(from object, names ...string) string {
	return r.text(from.find(names...), MaxTextLength)
}

func (r *reader) note(from object, names ...string) string {
	return r.text(from.find(names...), MaxNoteLength)
}

func (r *reader) items(from field) []Item {
	expected := fmt.Sprintf("a list of 1 to %d items", MaxItems)
	if r.partial && from.value == nil {
		return nil
	}
	fields := r.list(from, expected)
	if len(fields) > MaxItems {
		r.invalid.add(Fault{from.path, fmt.Sprintf("expected %s, got %d", expected, len(fields))})
		return nil
	}
	items := make([]Item, len(fields))
	for i, field := range fields {
		items[i] = r.item(field)
	}
	return items
}

func (r *reader) item(at field) Item {
	if at.value[0] != '{' {
		r.fault(at, "an object with product_id and quantity")
		return Item{}
	}
	from := r.object(at)
	return Item{
		ProductID: r.neededID(from.find("product_id", "goods_id", "id")),
		Quantity:  r.quantity(from.find("quantity", "qty", "qty_ordered", "num", "count")),
		Title:     r.short(from, "title", "name", "product_name", "goods_name", "description"),
		SKU:       r.short(from, "sku", "goods_sn", "product_sku"),
		UnitPrice: r.short(from, "unit_price", "price"),
		Note:      r.note(from, "note", "notes", "remark", "comment"),
	}
}

// orderCustomer reads the customer's own object, and what the order says of the customer beside it.
func (r *reader) orderCustomer(order object) Customer {
	customer := r.customer(order.find("customer", "buyer", "user", "billing", "billing_address"))
	return Customer{
		Name:    cmp.Or(customer.Name, r.short(order, "customer_name", "buyer_name")),
		Company: cmp.Or(customer.Company, r.short(order, "customer_company")),
		Phone:   cmp.Or(customer.Phone, r.short(order, "customer_phone")),
		Email:   cmp.Or(customer.Email, r.short(order, "customer_email", "email", "contact_email", "buyer_email")),
	}
}

func (r *reader) customer(at field) Customer {
	if at.value == nil || at.value[0] != '{' {
		return Customer{Name: r.text(at, MaxTextLength)}
	}
	from := r.object(at)
	return Customer{
		Name:    r.name(from, "name", "full_name", "nickname"),
		Company: r.short(from, "company", "company_name"),
		Phone:   r.short(from, "phone", "mobile", "tel", "telephone"),
		Email:   r.short(from, "email", "email_address"),
	}
}

// name reads a whole name by one of names, or first and last name.
func (r *reader) name(from object, names ...string) string {
	return cmp.Or(r.short(from, names...), fullName(r.short(from, "first_name", "firstname"), r.short(from, "last_name", "lastname")))
}

// shipTo reads where the order goes: an object, or a text with parts of the address beside it in the order itself.
func (r *reader) shipTo(order object) Address {
	address := r.address(order.find("shipping_address", "ship_to", "shipping", "delivery_address", "address"))
	beside := Address{
		Name:  r.short(order, "recipient", "consignee", "receiver", "receiver_name", "recipient_name"),
		Phone: r.short(order, "phone", "mobile", "tel", "telephone"),
	}
	place := Address{
		State:      r.short(order, "province"),
		City:       r.short(order, "city"),
		District:   r.short(order, "district"),
		PostalCode: r.short(order, "postal_code", "zip", "zip_code", "zipcode", "postcode"),
	}
	if !place.IsZero() && (address.IsZero() || address.Text != "") {
		place.Line1 = address.Text
		address = place
	}
	address.Name = cmp.Or(address.Name, beside.Name)
	address.Phone = cmp.Or(address.Phone, beside.Phone)
	return address
}

func (r *reader) address(at field) Address {
	if at.value == nil || at.value[0] != '{' {
		return Address{Text: r.text(at, MaxTextLength)}
	}
	from := r.object(at)
	return Address{
		Name:       r.name(from, "name", "recipient", "receiver", "consignee", "contact", "full_name"),
		Company:    r.short(from, "company", "company_name"),
		Phone:      r.short(from, "phone", "mobile", "tel", "telephone"),
		Line1:      r.short(from, "line1", "address1", "address_1", "street", "address", "detail"),
		Line2:      r.short(from, "line2", "address2", "address_2", "street2"),
		District:   r.short(from, "district", "area", "county", "suburb"),
		City:       r.short(from, "city", "town"),
		State:      r.short(from, "state", "province", "region"),
		PostalCode: r.short(from, "postal_code", "zip", "zip_code", "zipcode", "postcode"),
		Country:    r.short(from, "country", "country_name", "country_code", "country_id"),
	}
}
