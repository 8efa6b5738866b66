package php

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/server"
)

// need skips the test where a program is missing, or fails it where everything has to be there.
func need(t *testing.T, find func() (string, error)) {
	t.Helper()
	if _, err := find(); err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// stop stops the server and looks whether anything is left of it.
func stop(t *testing.T, running *Server) {
	t.Helper()
	used, err := running.Stop()
	if err != nil || used <= 0 {
		t.Errorf("Stop: got %v, %v, want the processor time that was used", used, err)
	}
	if err := server.SignalGroup(running.command.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("a signal to the processes of a server that was stopped: got %v, want that there are none", err)
	}
	if again, err := running.Stop(); again != used || err != nil {
		t.Errorf("Stop for the second time: got %v, %v, want %v again", again, err, used)
	}
}

func TestBuiltInServerRunsTheHandler(t *testing.T) {
	t.Parallel()
	need(t, FindCLI)
	handler := newHandler(t)
	running, err := StartBuiltIn(t.Context(), handler, 3)
	if err != nil {
		t.Fatal(err)
	}
	sent := order.Many(1, 0)[0]
	request, err := http.NewRequestWithContext(
		t.Context(), http.MethodPost, "http://"+running.Address()+"/", strings.NewReader(sent.Data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Ce-Id", sent.ID)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if got := string(body); err != nil || response.StatusCode != http.StatusOK || got != "129 points for c-0000" {
		t.Errorf("the handler answered %d %q, %v, want 200 and the points", response.StatusCode, got, err)
	}
	stop(t, running)
	accounts, err := handler.Account(1)
	if err != nil || accounts[0].Fault(1) != nil {
		t.Errorf("Account: got %v, %v, want the event once", accounts, err)
	}
}

func TestFPMListensUntilItIsStopped(t *testing.T) {
	t.Parallel()
	need(t, FindFPM)
	running, err := StartFPM(t.Context(), newHandler(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", running.Address())
	if err != nil {
		t.Fatalf("connect to PHP-FPM: %v", err)
	}
	conn.Close()
	stop(t, running)
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	need(t, FindFPM)
	_, err := StartFPM(t.Context(), newHandler(t), 0)
	if err == nil || !strings.Contains(err.Error(), "pm.max_children") {
		t.Errorf("PHP-FPM without processes: got %v, want an error with what it wrote", err)
	}
}
