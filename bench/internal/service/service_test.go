package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/internal/system"
)

func TestOutcomes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# TYPE millrace_deliveries_total counter\n" +
			"millrace_deliveries_total{group=\"group_1\",outcome=\"acked\"} 1e+06\n" +
			"millrace_deliveries_total{group=\"group_1\",outcome=\"lost\"} 2\n" +
			"millrace_dead_letters_total{group=\"group_1\",reason=\"permanent\"} 3\n"))
	}))
	defer server.Close()
	service := &Service{address: strings.TrimPrefix(server.URL, "http://")}
	outcomes, err := service.Outcomes(t.Context())
	if got := outcomes["group_1"]; err != nil || len(got) != 2 || got["acked"] != 1_000_000 || got["lost"] != 2 {
		t.Errorf("Outcomes: got %v, %v, want 1,000,000 acked and 2 lost", outcomes, err)
	}
}

func TestKindIsAHandlersFile(t *testing.T) {
	got := Kind(system.NewTarget("", 2, 0), "command", `argv: ["/bin/true"]`)
	for _, want := range []string{"  group_1:\n", "  group_2:\n", "    run: command\n", "    with: {argv: [\"/bin/true\"]}\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("Kind: got %q, want it to hold %q", got, want)
		}
	}
}

func TestAProgramThatDoesNotStartSaysWhy(t *testing.T) {
	binary, err := Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = binary.Remove() }()
	target := system.NewTarget("redis://127.0.0.1:1", 1, 0)
	target.Concurrency = 1_000_000
	if _, err := binary.Start(t.Context(), target); err == nil || !strings.Contains(err.Error(), "MILLRACE_CONCURRENCY") {
		t.Errorf("Start with a concurrency that is refused: got %v, want an error that names the variable", err)
	}
}
