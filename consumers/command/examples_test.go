package command_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers/command"
	"github.com/millrace/millrace/internal/redistest"
)

const (
	examples     = "../../examples"
	exampleOrder = `{"order_id":12345,"customer":{"email":"kim@example.com","name":"Kim"},"notes":"Enjoy!",` +
		`"items":[{"product_id":1,"sku":"TEA-1","quantity":2,"price":9.75},{"product_id":2,"quantity":1,"price":3}]}`
)

// inBothModes runs a test of a handler, as it runs once for each event and as it stays.
func inBothModes(t *testing.T, run func(t *testing.T, mode command.Mode)) {
	t.Helper()
	for _, mode := range []command.Mode{command.Once, command.Persistent} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			run(t, mode)
		})
	}
}

// wantResult hands over an event twice, as it may come, and looks at the result.
func wantResult(t *testing.T, handler *command.Handler, data, want string) {
	t.Helper()
	for range 2 {
		event := delivery(data)
		if err := handler.Handle(t.Context(), event); err != nil || string(event.Result) != want {
			t.Fatalf("data %s: got %q, %v, want %q", data, event.Result, err, want)
		}
	}
}

// wantPermanent hands over an event that can never succeed.
func wantPermanent(t *testing.T, handler *command.Handler, data, want string) {
	t.Helper()
	err := handler.Handle(t.Context(), delivery(data))
	if err == nil || verdict(err) != "permanent" || !strings.Contains(err.Error(), want) {
		t.Errorf("data %s: got %v, want a permanent error with %q", data, err, want)
	}
}

// startRedis returns a server and the variables that tell the examples where it is.
func startRedis(t *testing.T) (*redis.Client, []string) {
	t.Helper()
	php := requireTool(t, "php", "php-cli")
	if out, _ := exec.Command(php, "-m").Output(); !strings.Contains(string(out), "redis\n") {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal("PHP's extension for Redis is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install php-redis")
		}
		t.Skip("PHP's extension for Redis is not installed")
	}
	server := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	host, port, _ := net.SplitHostPort(server.Addr())
	return client, []string{"REDIS_HOST=" + host, "REDIS_PORT=" + port}
}

func TestLoyaltyPoints(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, mode command.Mode) {
		client, environment := startRedis(t)
		handler := interpreted(t, "php", examples+"/php/loyalty_points", mode, environment...)
		wantResult(t, handler, exampleOrder, "22 points for kim@example.com")
		wantPermanent(t, handler, `{"order_id":1}`, "the order names no customer")
		wantPermanent(t, handler, `no order`, "the order names no customer")
		if got := client.HGetAll(t.Context(), "points:kim@example.com").Val(); len(got) != 1 || got["o-1"] != "22" {
			t.Errorf("the points: got %v, want 22 for the one event", got)
		}
	})
}

func TestERPExport(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, mode command.Mode) {
		directory := filepath.Join(t.TempDir(), "share")
		handler := interpreted(t, "php", examples+"/php/erp_export", mode, "ERP_DIR="+directory)
		if err := handler.Handle(t.Context(), delivery(exampleOrder)); err == nil || verdict(err) != "retry after 1m0s" {
			t.Errorf("without the share: got %v, want another try after a minute", err)
		}
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		event := delivery(exampleOrder)
		if err := handler.Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		wantResult(t, handler, exampleOrder, string(event.Result))
		wantPermanent(t, handler, `{"items":[]}`, "no order")
		files, _ := filepath.Glob(directory + "/*")
		if len(files) != 1 || filepath.Base(files[0]) != string(event.Result) {
			t.Fatalf("the files: got %q, want one with the name %s", files, event.Result)
		}
		const want = "order,sku,quantity,price\n12345,TEA-1,2,9.75\n12345,2,1,3\n"
		if got := content(t, files[0]); got != want {
			t.Errorf("the file: got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestERPExportLeavesNothingHalfWritten has the file system take no more than the beginning of the file.
func TestERPExportLeavesNothingHalfWritten(t *testing.T) {
	t.Parallel()
	requireTool(t, "php", "php-cli")
	directory := t.TempDir()
	handler := newHandler(t, command.Options{
		Argv:        []string{"sh", "-c", `trap "" XFSZ; ulimit -f 8; exec php "$0"`, examples + "/php/erp_export.php"},
		Environment: []string{"PATH=" + os.Getenv("PATH"), "ERP_DIR=" + directory},
	})
	order := `{"order_id":1,"items":[` + strings.Repeat(`{"sku":"TEA","quantity":1},`, 2000) + `{"sku":"TEA","quantity":1}]}`
	if err := handler.Handle(t.Context(), delivery(order)); err == nil || verdict(err) != "retry" {
		t.Errorf("a full disk: got %v, want another try", err)
	}
	if files, _ := os.ReadDir(directory); len(files) != 0 {
		t.Errorf("the files: got %v, want none", files)
	}
}

func TestStockAlert(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, mode command.Mode) {
		client, environment := startRedis(t)
		client.HSet(t.Context(), "stock", "1", 3, "2", 100)
		status, said := http.StatusServiceUnavailable, []string{}
		chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			said = append(said, string(body))
			w.WriteHeader(status)
		}))
		t.Cleanup(chat.Close)
		handler := interpreted(t, "php", examples+"/php/stock_alert", mode, append(environment, "ALERT_URL="+chat.URL)...)
		if err := handler.Handle(t.Context(), delivery(exampleOrder)); err == nil || verdict(err) != "retry after 30s" {
			t.Errorf("a chat that is down: got %v, want another try after 30s", err)
		}
		status = http.StatusNotFound
		wantPermanent(t, handler, exampleOrder, "the chat refused the message with 404")
		status = http.StatusOK
		event := delivery(exampleOrder)
		if err := handler.Handle(t.Context(), event); err != nil || string(event.Result) != "told of 1" {
			t.Errorf("an order: got %q, %v, want an alert", event.Result, err)
		}
		wantResult(t, handler, exampleOrder, "")
		if want := `{"text":"Only 3 left of product 1"}`; len(said) != 3 || said[2] != want {
			t.Errorf("the chat was told %q, want %s, three times", said, want)
		}
	})
}

func TestGreetingCard(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, mode command.Mode) {
		directory := t.TempDir()
		handler := interpreted(t, "python", examples+"/python/greeting_card", mode, "CARD_DIR="+directory)
		wantResult(t, handler, exampleOrder, "card for Kim")
		wantPermanent(t, handler, `{}`, "the order names no customer")
		files, _ := filepath.Glob(directory + "/*.txt")
		if len(files) != 1 || content(t, files[0]) != "Dear Kim,\nthank you for your order.\nEnjoy!\n" {
			t.Errorf("the cards: got %q, want one for Kim", files)
		}
	})
}

func TestTrackingLink(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, mode command.Mode) {
		handler := interpreted(t, "node", examples+"/node/tracking_link", mode)
		wantResult(t, handler, `{"carrier":"ups","tracking_number":"1Z 9"}`, "https://www.ups.com/track?tracknum=1Z%209")
		wantPermanent(t, handler, `{"carrier":"owl"}`, "nobody knows the carrier owl")
	})
}

// TestWebhook asks the same PHP file behind PHP's own web server.
func TestWebhook(t *testing.T) {
	t.Parallel()
	address := servePHP(t, "testdata/rude.php")
	tests := []struct {
		data       string
		status     int
		retryAfter string
		body       string
	}{
		{`{}`, 200, "", ""},
		{`{"do":"array"}`, 200, "", `{"booked":1.5,"name":"王","path":"a/b"}`},
		{`{"do":"throw"}`, 503, "", "DomainException: it failed"},
		{`{"do":"permanent"}`, 422, "", "MillracePermanent: never"},
		{`{"do":"later"}`, 503, "90", "MillraceRetry: not now"},
		{`{"do":"error"}`, 503, "", "Error: Call to undefined function undefined_function()"},
		{`{"do":"exit"}`, 500, "", ""},
		{`{"do":"memory"}`, 500, "", ""},
		{`no JSON`, 200, "", ""},
		{`{"do":"large","number":12345678901234567890}`, 200, "", "12345678901234567890"},
	}
	for _, test := range tests {
		status, retryAfter, body := post(t, address, test.data)
		if status != test.status || retryAfter != test.retryAfter || !strings.HasPrefix(body, test.body) ||
			status == 200 && test.body == "" && body != "" {
			t.Errorf("%s: got %d, Retry-After %q, %q; want %d, %q, %q",
				test.data, status, retryAfter, body, test.status, test.retryAfter, test.body)
		}
	}
}

// TestWebhookSeesTheWholeEvent has a handler answer with what it was given.
func TestWebhookSeesTheWholeEvent(t *testing.T) {
	t.Parallel()
	_, _, body := post(t, servePHP(t, "testdata/echo.php"), `{"a":[1]}`)
	const want = `{"event":"ORDER PAID","event_id":"o-1","data":{"a":[1]},"timestamp":"2026-11-21T10:00:00Z","aggregate_id":"7",` +
		`"group":"points","deliveries":2,"headers":{"shop":"Zürich"}}`
	if body != want {
		t.Errorf("the event: got\n%s\nwant\n%s", body, want)
	}
}

// servePHP serves a script by PHP's own web server until the test ends.
func servePHP(t *testing.T, script string) (address string) {
	t.Helper()
	php := requireTool(t, "php", "php-cli")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	server := exec.Command(php, "-S", address, script)
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the web server said\n%s", &log)
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 20s for PHP's web server: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// post sends an event as CloudEvents 1.0 in binary mode.
func post(t *testing.T, address, data string) (status int, retryAfter, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s/", address), strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-source": "/millrace", "ce-type": "ORDER%20PAID", "ce-id": "o-1", "ce-subject": "7",
		"ce-time": "2026-11-21T10:00:00Z", "ce-shop": "Z%C3%BCrich", "Idempotency-Key": "points:o-1", "Millrace-Deliveries": "2",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Retry-After"), string(read)
}
