// Package order is the order that an event such as NEW_ORDER_RECEIVED carries: its type, and Decode, which reads it from
// the event's data. The kinds that deal with orders share it, so that all of them accept, and refuse, the same ones.
// DecodeShipment reads what an event such as ORDER_SHIPPED says of an order on its way.
//
// This is enough:
//
//	{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}
//
// The other keys are used where they are given. The first column is the name that the documentation uses; the second
// lists what shops also call it, tried in this order. A key may be written in snake_case, camelCase or kebab-case:
// order_id, orderId, OrderID and order-id are one. Keys that are not in the table are ignored.
//
//	of the order        also read as
//	------------        ------------
//	order_id            id; needed
//	order_no            order_number, order_sn, increment_id, number: printed in place of order_id
//	customer_id         user_id, member_id, buyer_id; a guest's order has none
//	items               line_items, order_items, lines, products, goods; needed, 1 to 1,000
//	customer            buyer, user, billing, billing_address: an object, or the name as a text
//	customer_name       buyer_name; likewise customer_phone, customer_company
//	customer_email      email, contact_email, buyer_email
//	shipping_address    ship_to, shipping, delivery_address, address: an object, or a text, whose lines are kept
//	sender              ship_from, from_address, shipper: likewise
//	created_at          order_date, date_created, created, placed_at
//	notes               note, remark, remarks, comment, customer_note, buyer_message
//	currency            currency_code, order_currency_code
//	total               grand_total, order_amount, total_amount
//
//	of an item          also read as
//	----------          ------------
//	product_id          goods_id, id; needed
//	quantity            qty, qty_ordered, num, count; needed
//	title               name, product_name, goods_name, description
//	sku                 goods_sn, product_sku
//	unit_price          price
//	note                notes, remark, comment
//
//	of a customer       also read as
//	-------------       ------------
//	name                full_name, nickname, or first_name and last_name (firstname, lastname)
//	phone               mobile, tel, telephone
//	email               email_address
//	company             company_name
//
//	of an address       also read as
//	-------------       ------------
//	name                recipient, receiver, consignee, contact, full_name, or first_name and last_name (or without _)
//	company             company_name
//	phone               mobile, tel, telephone
//	line1               address1, address_1, street, address, detail
//	line2               address2, address_2, street2
//	district            area, county, suburb
//	city                town
//	state               province, region
//	postal_code         zip, zip_code, zipcode, postcode
//	country             country_name, country_code, country_id
//
//	of a shipment       also read as
//	-------------       ------------
//	order_id, order_no  as above; neither is needed
//	status              shipping_status, delivery_status
//	carrier             carrier_name, carrier_code, shipping_company, express_company, courier
//	tracking_number     tracking_no, tracking_code, track_number, waybill, waybill_no, express_no, awb
//
// What a shipment says may also stand in an object called shipment, tracking or fulfillment.
//
// Where the address is one text, or there is none, the order itself may carry recipient (consignee, receiver,
// receiver_name, recipient_name), phone (mobile, tel, telephone), province, city, district and postal_code (zip,
// zip_code, zipcode, postcode) beside it.
//
// IDs are JSON numbers or texts and are kept exactly as they are written: 12345, 90071992547409931 and "SO-2025-001"
// alike; 1e3 and 1.5 are refused. A quantity is a whole number of at least 1, as a number or a text; 2.0 and "2.0000"
// are whole. Other values may be texts or numbers, or a list of them, which is joined with commas. What PHP sends for
// nothing (null, false, "" and []) counts as not given. Where PHP makes an object of a list, because array_filter left
// gaps in its keys, its values are taken in the order of those keys. A created_at that is no time is passed over.
package order
