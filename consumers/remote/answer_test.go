package remote_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers/remote"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/stream"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status := range 1100 {
		want := "permanent"
		switch {
		case status >= 200 && status < 300:
			want = "success"
		case status == 408, status == 409, status == 425, status == 429, status >= 500 && status < 600:
			want = "retry"
		}
		if got := remotetest.Verdict(remote.Answer{Status: status}.Err(noon)); got != want {
			t.Errorf("status %d: got %s, want %s", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header string
		want   string
	}{
		{"30", "retry after 30s"},
		{" 1 ", "retry after 1s"},
		{"86400", "retry after 24h0m0s"},
		{"86401", "retry after 24h0m0s"},
		{"99999999999999999999999999", "retry after 24h0m0s"},
		{"9223372036854775807", "retry after 24h0m0s"},
		{"Sat, 31 Jan 2026 12:01:30 GMT", "retry after 1m30s"},
		{"Saturday, 31-Jan-26 12:00:10 GMT", "retry after 10s"},
		{"Sat Jan 31 12:00:05 2026", "retry after 5s"},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "retry after 24h0m0s"},
		{"Sat, 31 Jan 2026 11:59:59 GMT", "retry"},
		{"0", "retry"},
		{"", "retry"},
		{" ", "retry"},
		{"soon", "retry"},
		{"-5", "retry"},
		{"+5", "retry"},
		{"1.5", "retry"},
		{"0x10", "retry"},
		{"10s", "retry"},
		{"٣", "retry"},
	}
	for _, test := range tests {
		for _, status := range []int{408, 409, 425, 429, 500, 503} {
			answer := remote.Answer{Status: status, RetryAfter: test.header}
			if got := remotetest.Verdict(answer.Err(noon)); got != test.want {
				t.Errorf("status %d with Retry-After %q: got %s, want %s", status, test.header, got, test.want)
			}
		}
	}
	if got := remotetest.Verdict(remote.Answer{Status: 410, RetryAfter: "30"}.Err(noon)); got != "permanent" {
		t.Errorf("status 410 with Retry-After: got %s, want permanent", got)
	}
}

func TestErrorsTellStatusAndBody(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 2000)
	tests := []struct {
		answer remote.Answer
		want   string
	}{
		{remote.Answer{Status: 410}, "answered 410 Gone"},
		{remote.Answer{Status: 599, Body: []byte("tired")}, "answered 599: tired"},
		{remote.Answer{Status: 400, Body: []byte(" no such\r\n\tshop \x1b[31m\x00\n")}, "answered 400 Bad Request: no such shop \uFFFD[31m\uFFFD"},
		{remote.Answer{Status: 400, Body: []byte("\xff\xfe")}, "answered 400 Bad Request: \uFFFD"},
		{remote.Answer{Status: 400, Body: []byte("\u202eevil")}, "answered 400 Bad Request: \uFFFDevil"},
		{remote.Answer{Status: 500, Body: []byte(long)}, "answered 500 Internal Server Error: " + long[:300] + "..."},
		{
			remote.Answer{Status: 302, Location: "https://me:pw@shop.example/other?token=s3cret#x"},
			"answered 302 Found, which points to https://shop.example/other: redirects are not followed",
		},
		{remote.Answer{Status: 301, Location: ":"}, "answered 301 Moved Permanently, which points to no URL: redirects are not followed"},
		{remote.Answer{Status: 304}, "answered 304 Not Modified"},
		{remote.Answer{Status: 410, Location: "/x"}, "answered 410 Gone"},
	}
	for _, test := range tests {
		err := test.answer.Err(noon)
		if err == nil || err.Error() != test.want {
			t.Errorf("answer %d: got %v\nwant %s", test.answer.Status, err, test.want)
		}
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, want string }{
		{"", ""},
		{" \r\n", ""},
		{" booked as 7\n", "booked as 7"},
		{"王\t小\r\n明", "王\t小\r\n明"},
		{"a\x00b", ""},
		{"\x1b[0m", ""},
		{"\xff", ""},
		{"\xef\xbb", ""},
		{strings.Repeat("é", 4000), strings.Repeat("é", 2000)},
		{"x" + strings.Repeat("é", 4000), "x" + strings.Repeat("é", 1999)},
	}
	for _, test := range tests {
		if got := (remote.Answer{Status: 200, Body: []byte(test.body)}).Result(); string(got) != test.want || got != nil != (test.want != "") {
			t.Errorf("Result of %.20q: got %.40q, want %.40q", test.body, got, test.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "", "", []byte("booked"))
	f.Add(503, "120", "", []byte("<html>busy</html>"))
	f.Add(429, "Sat, 31 Jan 2026 12:01:30 GMT", "", []byte{0})
	f.Add(302, "", "https://shop.example/?a=b", []byte("\xff"))
	f.Fuzz(func(t *testing.T, status int, after, location string, body []byte) {
		answer := remote.Answer{Status: status, RetryAfter: after, Location: location, Body: body}
		verdict := remotetest.Verdict(answer.Err(noon))
		if (verdict == "success") != (status/100 == 2) {
			t.Errorf("status %d: got %s", status, verdict)
		}
		if err := answer.Err(noon); err != nil {
			text := err.Error()
			if len(text) > 1200 || strings.ContainsAny(text, "\r\n\x00\x1b") || stream.CleanError(text) != text {
				t.Errorf("status %d, Location %q, body %q: the error is not fit to be shown: %q", status, location, body, text)
			}
		}
		if result := answer.Result(); len(result) > 4000 || !utf8.Valid(result) || strings.ContainsAny(string(result), "\x00\x1b") {
			t.Errorf("body %q: got the result %q", body, result)
		}
	})
}

func TestHiding(t *testing.T) {
	t.Parallel()
	hiding := remote.Hiding("token", "", "token-of-more", "/T0")
	const text = "Bearer token-of-more, token, /T0/x"
	if got, want := hiding.Replace(text), "Bearer …, …, …/x"; got != want {
		t.Errorf("Hiding: got %q, want %q", got, want)
	}
	answer := remote.Answer{Status: 302, Location: "http://a.example/T0/x", Body: []byte(text), Hiding: hiding}
	if got := fmt.Sprint(answer.Err(time.Now()), answer.Quote(), string(answer.Result())); strings.Contains(got, "token") || strings.Contains(got, "T0") {
		t.Errorf("an answer repeats our secrets: %s", got)
	}
}
