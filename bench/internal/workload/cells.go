package workload

import "github.com/millrace/millrace/bench/internal/round"

// ratio is a cell for a figure's ratio to another system's, or a dash where that was not measured.
func ratio(results *round.Results, name, to, figure string) string {
	switch {
	case !results.Has(to):
		return "-"
	case name == to:
		return "1"
	default:
		return results.Ratio(name, to, figure).Ratio()
	}
}

// count writes a whole number.
func count(number int) string { return round.Spread{Median: float64(number)}.Figure() }
