package round_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/internal/round"
)

// scripted answers with what each system came to in each round; a negative figure is a failure.
func scripted(figures map[string][]float64) func(context.Context, int, string) (round.Measure, error) {
	return func(_ context.Context, number int, name string) (round.Measure, error) {
		if figures[name][number] < 0 {
			return nil, errors.New("an event came twice")
		}
		return round.Measure{"speed": figures[name][number]}, nil
	}
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	// The machine was slow in the second round, and fast in the third: the ratio of the medians would be 2.
	results, err := round.Run(t.Context(), 3, []string{"a", "b"}, scripted(map[string][]float64{
		"a": {90, 10, 200}, "b": {45, 10, 50},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := results.Ratio("a", "b", "speed"), (round.Spread{Median: 2, Min: 1, Max: 4}); got != want {
		t.Errorf("Ratio is %v, want %v", got, want)
	}
	results, err = round.Run(t.Context(), 3, []string{"a", "b"}, scripted(map[string][]float64{
		"a": {100, 30, 40}, "b": {100, 10, 10},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := results.Ratio("a", "b", "speed").Median; got != 3 {
		t.Errorf("Ratio is %v, want 3, the median of 1, 3 and 4; the ratio of the medians is 4", got)
	}
}

func TestSummarize(t *testing.T) {
	tests := []struct {
		values []float64
		want   round.Spread
	}{
		{[]float64{7}, round.Spread{Median: 7, Min: 7, Max: 7}},
		{[]float64{3, 1}, round.Spread{Median: 2, Min: 1, Max: 3}},
		{[]float64{9, 1, 5, 3, 100}, round.Spread{Median: 5, Min: 1, Max: 100}},
	}
	for _, test := range tests {
		if got := round.Summarize(test.values); got != test.want {
			t.Errorf("Summarize(%v) is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestSystemsTakeTurns(t *testing.T) {
	var turns []string
	_, err := round.Run(t.Context(), 3, []string{"a", "b"}, func(_ context.Context, _ int, name string) (round.Measure, error) {
		turns = append(turns, name)
		return round.Measure{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(turns, want) {
		t.Errorf("the turns were %v, want %v", turns, want)
	}
}

func TestOneThatFailsIsLeftOutAndNamed(t *testing.T) {
	runs := map[string]int{}
	answer := scripted(map[string][]float64{"a": {1, 2, 3}, "b": {1, -1, 3}})
	results, err := round.Run(t.Context(), 3, []string{"a", "b"}, func(ctx context.Context, number int, name string) (round.Measure, error) {
		runs[name]++
		return answer(ctx, number, name)
	})
	if err == nil || !strings.Contains(err.Error(), "round 2, b: an event came twice") {
		t.Errorf("the error is %v, want one that names round and system", err)
	}
	if got := results.Names(); !slices.Equal(got, []string{"a"}) || runs["a"] != 3 || runs["b"] != 2 {
		t.Errorf("the results hold %v after the runs %v, want a alone, 3 runs of a and 2 of b", got, runs)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	results, err := round.Run(ctx, 3, []string{"a", "b"}, func(context.Context, int, string) (round.Measure, error) {
		cancel()
		return round.Measure{}, nil
	})
	if !errors.Is(err, context.Canceled) || len(results.Names()) > 0 {
		t.Errorf("the error is %v and the results hold %v, want the end of the context and nothing", err, results.Names())
	}
}

func TestTable(t *testing.T) {
	table := round.Table{Title: "Speed", Note: "Per second.", Columns: []string{"system", "speed"}}
	var printed strings.Builder
	if table.Print(&printed); printed.Len() > 0 {
		t.Errorf("a table without rows printed %q", printed.String())
	}
	table.Add("a", round.Spread{Median: 123_456}.Figure())
	table.Add("b", round.Spread{Median: 0.456, Min: 9.87, Max: 23.45}.Ratio())
	table.Print(&printed)
	want := "\n## Speed\nPer second.\n\n| system | speed |\n|---|---|\n| a | 123,000 |\n| b | 0.46 (9.87-23.4) |\n"
	if printed.String() != want {
		t.Errorf("printed %q, want %q", printed.String(), want)
	}
}
