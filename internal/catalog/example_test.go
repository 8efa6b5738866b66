package catalog_test

import (
	"fmt"

	"github.com/millrace/millrace/internal/catalog"
)

// Everything that is wrong is said at once, with its place and with what was expected there.
func ExampleParse() {
	const content = `handlers:
  check_inventory:
    events: [NEW_ORDER_RECEIVED]
    run: inventry
    concurency: 8
    timeout: 10
`
	_, err := catalog.Parse("handlers.yaml", []byte(content), catalog.Defaults{})
	fmt.Println(err)
	// Output:
	// handlers.yaml:4: check_inventory: run: unknown kind "inventry": did you mean inventory?
	// handlers.yaml:5: check_inventory: unknown key "concurency": did you mean concurrency?
	// handlers.yaml:6: check_inventory: timeout: expected a duration such as 10s, 5m or 24h, got 10: did you mean 10s?
}
