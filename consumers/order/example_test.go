package order_test

import (
	"fmt"

	"github.com/millrace/millrace/consumers/order"
)

func ExampleDecode() {
	decoded, err := order.Decode([]byte(`{
		"order_id": 12345,
		"customer_id": 67890,
		"items": [{"product_id": 1, "quantity": 2, "title": "Kettle"}, {"product_id": "B-7", "quantity": "3"}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, item := range decoded.Items {
		fmt.Println(decoded.Number, item.ProductID, item.Quantity, item.Title)
	}
	// Output:
	// 12345 1 2 Kettle
	// 12345 B-7 3
}

func ExampleDecode_invalid() {
	_, err := order.Decode([]byte(`{"order_id": 1e3, "items": [{"product_id": 1, "quantity": -3}]}`))
	fmt.Println(err)
	// Output:
	// not a valid order: order_id: expected a whole number or a text of 1 to 300 characters, got 1e3; items[0].quantity: expected a whole number of at least 1, got -3
}
