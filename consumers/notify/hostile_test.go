package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/millrace/millrace/consumers/notify"
)

// refusal is an answer of the server.
func refusal(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
}

func TestWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	const echo = "<wang@example.com>: \x1b[31m no"
	tests := map[string]struct {
		office    *postOffice
		permanent bool
		want      string
	}{
		"sender for now":   {&postOffice{mail: func(string) error { return refusal(451, "later") }}, false, "the server refused the sender (MAIL FROM): 451 later"},
		"sender":           {&postOffice{mail: func(string) error { return refusal(553, "not yours") }}, true, "the server refused the sender (MAIL FROM): 553 not yours"},
		"nobody signed in": {&postOffice{user: "shop"}, false, "the server refused the sender (MAIL FROM): 530 5.7.0 Authentication required"},
		"greylisted":       {&postOffice{rcpt: func(string) error { return refusal(450, echo) }}, false, "the server refused a recipient (RCPT TO): 450 <…>: �[31m no"},
		"recipient":        {&postOffice{rcpt: func(string) error { return refusal(550, echo) }}, true, "the server refused a recipient (RCPT TO): 550 <…>: �[31m no"},
		"message for now":  {&postOffice{data: func([]byte) error { return refusal(452, "full") }}, false, "the server refused the message: 452 full"},
		"message":          {&postOffice{data: func([]byte) error { return refusal(554, strings.Repeat("spam ", 100)) }}, true, "the server refused the message: 554 spam"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := openPostOffice(t, test.office, nil)
			s := newShop(t, address, nil)
			_, err := s.send("1", customerOrder)
			want := "mail through " + address + ": " + test.want
			if err == nil || isPermanent(err) != test.permanent || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 500 {
				t.Errorf("got %v (permanent %v)\nwant %s (permanent %v)", err, isPermanent(err), want, test.permanent)
			}
			if keys := s.redis.Keys(t.Context(), "*").Val(); len(keys) > 0 {
				t.Errorf("keys %q are left, want none, so that the next try can send", keys)
			}
			if got := len(test.office.letters()); got != 0 {
				t.Errorf("got %d mails, want none", got)
			}
		})
	}
}

func TestOneOfTwoRecipientsIsRefused(t *testing.T) {
	t.Parallel()
	office := &postOffice{rcpt: func(to string) error {
		if strings.HasPrefix(to, "bad") {
			return refusal(550, "unknown")
		}
		return nil
	}}
	s := newShop(t, openPostOffice(t, office, nil), func(o *notify.Options) { o.To = []string{"good@example.com", "bad@example.com"} })
	if _, err := s.send("1", customerOrder); !isPermanent(err) || len(office.letters()) > 0 {
		t.Errorf("got %v and %d mails, want a permanent error and none", err, len(office.letters()))
	}
	good := newShop(t, openPostOffice(t, office, nil), func(o *notify.Options) { o.To = []string{"good@example.com"} })
	if _, err := good.send("1", customerOrder); err != nil || len(office.letters()) != 1 || len(office.letters()[0].to) != 1 {
		t.Errorf("the good one alone: got %v and %v, want one mail", err, office.letters())
	}
}

func TestEncryptionAndPasswords(t *testing.T) {
	t.Parallel()
	certificate, authority := certify(t)
	_, other := certify(t)
	encrypted := func(server *smtp.Server) {
		server.TLSConfig, server.AllowInsecureAuth = &tls.Config{Certificates: []tls.Certificate{certificate}}, false
	}
	office, plain := &postOffice{user: "shop"}, &postOffice{}
	address, plainAddress := openPostOffice(t, office, encrypted), openPostOffice(t, plain, nil)
	smtps := openEncrypted(t, office, certificate)
	tests := map[string]struct {
		change func(o *notify.Options)
		want   string // "" means that it is sent
	}{
		"STARTTLS": {func(o *notify.Options) { o.TLS, o.CAFile, o.Password = "starttls", authority, goodPassword }, ""},
		"smtps":    {func(o *notify.Options) { o.SMTP, o.CAFile, o.Password = "smtps://"+smtps, authority, goodPassword }, ""},
		"another authority": {
			func(o *notify.Options) { o.TLS, o.CAFile, o.Password = "starttls", other, goodPassword },
			"encryption (STARTTLS): the server's certificate is not trusted; ca_file names the authority of a private one: ",
		},
		"the machine's authorities": {
			func(o *notify.Options) { o.SMTP, o.Password = "smtps://"+smtps, goodPassword },
			"the connection: the server's certificate is not trusted; ca_file names",
		},
		"another name": {
			func(o *notify.Options) {
				o.SMTP, o.CAFile, o.Password = "smtps://"+strings.Replace(smtps, "127.0.0.1", "localhost", 1), authority, goodPassword
			},
			"the connection: the server's certificate is not trusted; ca_file names",
		},
		"no STARTTLS": {
			func(o *notify.Options) { o.SMTP, o.TLS, o.Password = "smtp://"+plainAddress, "starttls", goodPassword },
			"encryption (STARTTLS): the server does not offer it",
		},
		"no TLS": {
			func(o *notify.Options) { o.SMTP, o.Password = "smtps://"+plainAddress, goodPassword },
			"the connection: the server does not speak TLS on this port: is it smtp:// in place of smtps://?",
		},
		"no way to sign in": {
			func(o *notify.Options) { o.SMTP, o.Password = "smtp://"+plainAddress, goodPassword },
			"the user and password (AUTH): the server offers no way to sign in that is known here",
		},
		"a wrong password that the server repeats": {
			func(o *notify.Options) { o.TLS, o.CAFile, o.Password = "starttls", authority, "tr0ub4dor" },
			"the server refused the user and password (AUTH): 454 4.7.0 wrong: …",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, address, func(o *notify.Options) {
				o.User = "shop"
				test.change(o)
			})
			_, err := s.send(name, customerOrder)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || isPermanent(err) || !strings.Contains(err.Error(), ": "+test.want) {
				t.Errorf("got %v (permanent %v)\nwant another try and %s", err, isPermanent(err), test.want)
			}
			if err != nil && (strings.Contains(err.Error(), goodPassword) || strings.Contains(err.Error(), "tr0ub4dor")) {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

// openEncrypted starts a server that speaks TLS from the first byte on.
func openEncrypted(t *testing.T, office *postOffice, certificate tls.Certificate) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, office, listener, nil)
	return listener.Addr().String()
}

// hostile starts a server that treats every connection as talk does, and returns its address.
func hostile(t *testing.T, talk func(connection net.Conn, lines *bufio.Reader)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				stop := context.AfterFunc(ended, func() { _ = connection.Close() })
				defer stop()
				defer connection.Close()
				talk(connection, bufio.NewReader(connection))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		end()
		work.Wait()
	})
	return listener.Addr().String()
}

// upTo is a server that answers each command, up to the one where it does something else.
func upTo(stage string, deed func(connection net.Conn)) func(net.Conn, *bufio.Reader) {
	return func(connection net.Conn, lines *bufio.Reader) {
		if stage == "greeting" {
			deed(connection)
			return
		}
		fmt.Fprint(connection, "220 hostile\r\n")
		for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
			command := strings.ToUpper(strings.TrimSpace(strings.SplitN(line, " ", 2)[0]))
			if command == stage {
				deed(connection)
				return
			}
			switch command {
			case "EHLO":
				fmt.Fprint(connection, "250-hostile\r\n250 AUTH PLAIN\r\n")
			case "DATA":
				fmt.Fprint(connection, "354 go on\r\n")
				if stage == "half" {
					_, _ = lines.ReadString('\n')
					deed(connection)
					return
				}
				for line != ".\r\n" && err == nil {
					line, err = lines.ReadString('\n')
				}
				if stage == "dot" {
					deed(connection)
					return
				}
				fmt.Fprint(connection, "250 accepted\r\n")
			default:
				fmt.Fprint(connection, "250 fine\r\n")
			}
		}
	}
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	deeds := map[string]func(connection net.Conn){
		"drops":   func(net.Conn) {},
		"garbage": func(connection net.Conn) { fmt.Fprint(connection, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"binary":  func(connection net.Conn) { _, _ = connection.Write([]byte("\x00\xff\x1b[2J\r\n\x01")) },
		"endless": func(connection net.Conn) {
			line := []byte("250-" + strings.Repeat("x", 1000) + "\r\n")
			for _, err := connection.Write(line); err == nil; _, err = connection.Write(line) {
			}
		},
		"one line": func(connection net.Conn) {
			part := []byte(strings.Repeat("2", 1000))
			for _, err := connection.Write(part); err == nil; _, err = connection.Write(part) {
			}
		},
		"silent": func(connection net.Conn) { _, _ = io.Copy(io.Discard, connection) },
		"going":  func(connection net.Conn) { fmt.Fprint(connection, "421 going away\r\n") },
	}
	for _, stage := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "half", "dot"} {
		for name, deed := range deeds {
			t.Run(stage+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newShop(t, hostile(t, upTo(stage, deed)), nil)
				limit := 20 * time.Second
				if name == "silent" {
					limit = time.Second
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the time is up"))
				defer cancel()
				err := s.handler.Handle(ctx, newDelivery("1", customerOrder))
				if err == nil || isPermanent(err) || len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\x1b\x00\n") {
					t.Errorf("got %.700q (permanent %v), want another try", fmt.Sprint(err), isPermanent(err))
				}
				if timeIsUp := err != nil && strings.Contains(err.Error(), "the time is up"); timeIsUp != (name == "silent") {
					t.Errorf("got %v", err)
				}
				if name == "endless" && !strings.Contains(fmt.Sprint(err), "the server answers without end") {
					t.Errorf("got %.700q, want it to say that the answer has no end", fmt.Sprint(err))
				}
				if keys := s.redis.Keys(t.Context(), "*").Val(); len(keys) > 0 {
					t.Errorf("keys %q are left, want none", keys)
				}
			})
		}
	}
}

// TestConnectionsThatCameToNothingAreClosed looks from the server's side, which waits for the end of the connection.
func TestConnectionsThatCameToNothingAreClosed(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"greeting", "EHLO", "AUTH", "MAIL", "DATA"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{}, 2)
			address := hostile(t, upTo(stage, func(connection net.Conn) {
				fmt.Fprint(connection, "nonsense\r\nnonsense\r\nnonsense\r\n")
				_, _ = io.Copy(io.Discard, connection)
				ended <- struct{}{}
			}))
			s := newShop(t, address, func(o *notify.Options) {
				if stage == "AUTH" {
					o.User, o.Password = "shop", goodPassword
				}
			})
			if _, err := s.send("1", customerOrder); err == nil {
				t.Error("nonsense: got success")
			}
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Error("the connection is open after 30s")
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	s := newShop(t, address, nil)
	if _, err := s.send("1", customerOrder); err == nil || isPermanent(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want another try and why", err)
	}
}

func TestServerWithoutUTF8(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	address := openPostOffice(t, office, func(server *smtp.Server) { server.EnableSMTPUTF8 = false })
	s := newShop(t, address, nil)
	if _, err := s.send("1", `{"order_id":1,"customer_email":"用户@example.com"}`); !isPermanent(err) || !strings.Contains(err.Error(), "SMTPUTF8") {
		t.Errorf("got %v, want a permanent error that says why", err)
	}
	if _, err := s.send("2", customerOrder); err != nil {
		t.Errorf("an address in ASCII: %v", err)
	}
}
