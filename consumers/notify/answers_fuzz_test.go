package notify

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

// foretold is a connection to a server whose answers stand beforehand, whatever it is told.
type foretold struct {
	net.Conn
	answers io.Reader
}

func (f *foretold) Read(into []byte) (int, error)  { return f.answers.Read(into) }
func (f *foretold) Write(said []byte) (int, error) { return len(said), nil }
func (f *foretold) SetDeadline(time.Time) error    { return nil }
func (f *foretold) Close() error                   { return nil }

// FuzzAnswers hands in a mail to servers that answer anything: it counts as sent only where the message was asked for, as
// refused for good only where a 5xx was said, and no error shows a password or forges a line of the log.
func FuzzAnswers(f *testing.F) {
	const password = "s3cret-password"
	refusal := regexp.MustCompile(`(?m)^\s*5`)
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH PLAIN LOGIN\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"))
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH PLAIN\r\n535 no " + password + "\r\n"))
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH SCRAM-SHA-256\r\n334 cj1hLHM9YSxpPTE=\r\n"))
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH SCRAM-SHA-256\r\n334 G1sxbXMzY3JldC1wYXNzd29yZA==\r\n"))
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 in\r\n250 ok\r\n550 \x1b[31m<kim@example.com>\r\n"))
	f.Add([]byte("220 mail\r\n250-mail\r\n250 AUTH PLAIN\r\n235 in\r\n451 later\r\n"))
	f.Add([]byte("554-no\r\n554 here\r\n"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, answers []byte) {
		server := &server{host: "mail.example.com", port: "25", user: "shop", password: password, hello: "shop"}
		opened := &session{connection: &boundedConn{Conn: &foretold{answers: bytes.NewReader(answers)}, left: maxAnswers}}
		mail := envelope{from: "shop@example.com", to: []string{"kim@example.com"}, content: []byte("Subject: a\r\n\r\nb\r\n")}
		err := server.greet(opened)
		if err == nil {
			err = opened.send(t.Context(), mail)
		}
		if err == nil {
			if !bytes.Contains(answers, []byte("354")) {
				t.Errorf("answers %q: the mail counts as sent, and nobody has asked for the message", answers)
			}
			return
		}
		verdict := server.verdict(err, mail)
		text := verdict.Error()
		if strings.Contains(text, password) || text != stream.CleanError(text) || strings.Contains(text, "\n") || len(text) > 1000 {
			t.Errorf("answers %q: the error is not fit to be shown: %q", answers, text)
		}
		if fmt.Sprintf("%T", verdict) == "*consumers.permanentError" && !refusal.Match(answers) {
			t.Errorf("answers %q: the mail was given up, and nobody has refused it: %v", answers, verdict)
		}
	})
}
