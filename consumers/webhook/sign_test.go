package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/webhook"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "plJ3nmyCDGBKInavdOK15jsl+rWDpzs7gSSAqBsIBNE="
)

// verify does what a receiver does, as Standard Webhooks 1.0 tells receivers: at most five minutes old, three headers, and one
// of the signatures in constant time.
func verify(secret string, header http.Header, body string, now time.Time) error {
	id, sent, signatures := header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	switch {
	case err != nil || id == "" || signatures == "":
		return errors.New("a header is missing")
	case strings.Contains(id, "."):
		return errors.New("the ID holds a full stop")
	case now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute:
		return errors.New("the time is too far off")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, strings.Join([]string{id, sent, body}, "."))
	want := mac.Sum(nil)
	for signature := range strings.SplitSeq(signatures, " ") {
		version, text, _ := strings.Cut(signature, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature is right")
}

// TestVerify holds the test's own receiver to the example that the libraries of Standard Webhooks carry.
func TestVerify(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if err := verify(oldSecret, header, `{"test": 2432232314}`, time.Unix(1614265330, 0)); err != nil {
		t.Errorf("the known signature: %v", err)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	header, body := make(chan http.Header, 1), make(chan string, 1)
	server := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		header <- r.Header
		body <- string(text)
	})
	for _, options := range []webhook.Options{
		{Secrets: oldSecret},
		{Secrets: newSecret + "\n" + oldSecret + "\n"},
		{Secrets: newSecret + " " + oldSecret, Body: `{"text": {{json .Event}}}`},
	} {
		options.URL = server.URL
		event := delivery()
		event.ID, event.Group = "o.1\n2", "shop.points"
		if err := posts(t, options).Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		got, text := <-header, <-body
		for secret := range strings.FieldsSeq(options.Secrets) {
			if err := verify(secret, got, text, time.Now()); err != nil {
				t.Errorf("one of the secrets: %v: %v", err, got)
			}
		}
		if err := verify(strings.ToUpper(oldSecret[6:]), got, text, time.Now()); err == nil {
			t.Error("another secret verifies as well")
		}
		if err := verify(oldSecret, got, text+" ", time.Now()); err == nil {
			t.Error("another body verifies as well")
		}
		if id := got.Get("webhook-id"); id != "shop%2Epoints:o%2E1%0A2" {
			t.Errorf("webhook-id: got %q", id)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"short", "whsec_", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("QUFB", 22), oldSecret + " no-base64-at-all"} {
		_, err := webhook.New(webhook.Options{URL: "http://a", Secrets: bad})
		if err == nil || !strings.Contains(err.Error(), "openssl rand") || strings.Contains(err.Error(), "no-base64") {
			t.Errorf("the secret %.20q: got %v, want it refused and not repeated", bad, err)
		}
	}
}
