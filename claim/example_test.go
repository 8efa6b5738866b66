package claim_test

import (
	"fmt"

	"github.com/millrace/millrace/claim"
)

// The wait after a failure is a random part of a limit that doubles with each delivery; the last permitted one gives up.
func ExamplePolicy_AfterFailure() {
	policy := claim.Policy{MaxDeliveries: 4, Backoff: claim.Backoff{}.WithDefaults()}
	for delivery := 1; delivery <= 4; delivery++ {
		decision := policy.AfterFailure(delivery, 0.5)
		fmt.Println(delivery, decision.Delay, decision.GiveUp)
	}
	// Output:
	// 1 500ms false
	// 2 1s false
	// 3 2s false
	// 4 0s true
}
