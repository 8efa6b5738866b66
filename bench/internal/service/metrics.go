package service

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// Outcomes counts what the program says its deliveries have come to: by group, and there by outcome.
type Outcomes map[string]map[string]int

var deliveriesLine = regexp.MustCompile(`^millrace_deliveries_total\{group="([^"]+)",outcome="([^"]+)"\} (\S+)$`)

// Outcomes asks the program.
func (s *Service) Outcomes(ctx context.Context) (Outcomes, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, s.fault(fmt.Errorf("ask for its metrics: %w", err))
	}
	defer response.Body.Close()
	outcomes := Outcomes{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		found := deliveriesLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		count, err := strconv.ParseFloat(found[3], 64)
		if err != nil {
			return nil, fmt.Errorf("read the metrics: %w", err)
		}
		outcomes.group(found[1])[found[2]] = int(count)
	}
	return outcomes, lines.Err()
}

func (o Outcomes) group(name string) map[string]int {
	if o[name] == nil {
		o[name] = map[string]int{}
	}
	return o[name]
}
