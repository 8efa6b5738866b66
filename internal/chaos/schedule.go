package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseNemeses reads what -nemeses says: names, each with how often it strikes behind a `=` or none of them with that.
func parseNemeses(text string) (names []string, strikes map[string]int, err error) {
	if text == "" {
		return nil, nil, nil
	}
	strikes = map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		name, count, isCounted := strings.Cut(part, "=")
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("nemesis %q: expected it once", name)
		}
		names = append(names, name)
		if !isCounted {
			continue
		}
		if strikes[name], err = strconv.Atoi(count); err != nil || strikes[name] < 1 {
			return nil, nil, fmt.Errorf("nemesis %q: expected how often it strikes, 1 or more, behind the =", part)
		}
	}
	if len(strikes) > 0 && len(strikes) < len(names) {
		return nil, nil, fmt.Errorf("nemeses %q: expected for each of them how often it strikes, or for none", text)
	}
	return names, strikes, nil
}

// scheduled is a lane in which every nemesis stands as often as it is to strike, in the order that random gives.
func scheduled(lane []nemesis, strikes map[string]int, random *rand.Rand) []nemesis {
	var all []nemesis
	for _, each := range lane {
		for range strikes[each.name()] {
			all = append(all, each)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// strikeAll has nemeses strike one after the other, spread over a time, and longer where that is too short for all.
func (w *world) strikeAll(ctx context.Context, all []nemesis, over time.Duration) error {
	began := time.Now()
	for i, each := range all {
		due := began.Add(time.Duration(float64(over) * float64(i+1) / float64(len(all)+1)))
		if rest(ctx, time.Until(due)) != nil {
			return nil //nolint:nilerr // interrupted
		}
		if err := w.struckBy(ctx, each); err != nil {
			return fmt.Errorf("%s: %w", each.name(), err)
		}
	}
	return nil
}
