package workload

import "github.com/millrace/millrace/bench/internal/round"

// ratio is a cell for a figure's ratio to another system's, or a dash where that has none.
func ratio(results *round.Results, name, to, figure string) string {
	switch {
	case !results.Has(to) || results.Of(to, figure).Max == 0:
		return "-"
	case name == to:
		return "1"
	default:
		return results.Ratio(name, to, figure).Ratio()
	}
}
