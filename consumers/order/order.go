package order

import (
	"cmp"
	"time"
)

// What Decode accepts at most. An order beyond one of these is refused as a whole.
const (
	// MaxItems is how many items an order may have.
	MaxItems = 1000
	// MaxQuantity is how many of one product an item may ask for.
	MaxQuantity = 1_000_000_000
	// MaxIDLength is the length of an ID or an order number, in characters.
	MaxIDLength = 300
	// MaxTextLength is the length of any other text but a note, in characters.
	MaxTextLength = 1000
	// MaxNoteLength is the length of a note, in characters.
	MaxNoteLength = 10_000
)

// Order is what a customer ordered. Texts are as the shop sent them, without spaces around them; "" means not given.
type Order struct {
	// ID is the shop's own key of the order, exactly as it was written.
	ID string
	// Number is what people call the order by: the shop's order number, else ID. Never empty.
	Number string
	// CustomerID is the shop's own key of the customer, exactly as it was written; "" for a guest.
	CustomerID string
	// CreatedAt is when the order was placed, in the time zone that was given (UTC where none was). Zero: not given.
	CreatedAt time.Time
	// Customer is who ordered.
	Customer Customer
	// ShipTo is where the goods go, as it was given; Recipient fills its gaps.
	ShipTo Address
	// Sender is where the goods come from.
	Sender Address
	// Items is what was ordered, in the shop's order; at least one.
	Items []Item
	// Notes is what the customer or the shop wants to be known. It may have several lines.
	Notes string
	// Currency is that of the prices, as it was written.
	Currency string
	// Total is what the order costs, as it was written.
	Total string
}

// Item is one line of an order.
type Item struct {
	// ProductID is the shop's own key of the product, exactly as it was written; never empty.
	ProductID string
	// Quantity is how many were ordered; 1 to MaxQuantity.
	Quantity int64
	// Title is what the product is called.
	Title string
	// SKU is the product's number in stock-keeping.
	SKU string
	// UnitPrice is the price of one, as it was written.
	UnitPrice string
	// Note is what is special about this line.
	Note string
}

// Customer is who ordered.
type Customer struct {
	Name    string
	Company string
	Phone   string
	Email   string
}

// Pieces is how many pieces all items have together.
func (o Order) Pieces() int64 {
	pieces := int64(0)
	for _, item := range o.Items {
		pieces += item.Quantity
	}
	return pieces
}

// Recipient is ShipTo with the customer's name, company and phone where it has none of its own. A recipient with a name
// of its own is not given the customer's company: a present goes to a friend's home.
func (o Order) Recipient() Address {
	recipient := o.ShipTo
	if recipient.Name == "" {
		recipient.Company = cmp.Or(recipient.Company, o.Customer.Company)
	}
	recipient.Name = cmp.Or(recipient.Name, o.Customer.Name)
	recipient.Phone = cmp.Or(recipient.Phone, o.Customer.Phone)
	return recipient
}
