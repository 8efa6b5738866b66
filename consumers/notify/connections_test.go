package notify_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/notify"
)

// ending is a server's listener that can end the connections it has accepted.
type ending struct {
	net.Listener
	mutex    sync.Mutex
	accepted []net.Conn
}

// Accept keeps what it returns.
func (e *ending) Accept() (net.Conn, error) {
	connection, err := e.Listener.Accept()
	if err == nil {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.accepted = append(e.accepted, connection)
	}
	return connection, err
}

func (e *ending) endConnections() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, connection := range e.accepted {
		_ = connection.Close()
	}
}

// connections tells how many connections the office was asked for, and how many of them are open now.
func (p *postOffice) connections() (all, open int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.sessions, p.open
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	office := &postOffice{data: func([]byte) error {
		if refuse.Load() {
			return refusal(451, "later")
		}
		return nil
	}}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	for i := range 30 {
		refuse.Store(i%3 == 1) // a refusal is an answer too
		if _, err := s.send(fmt.Sprint(i), customerOrder); (err != nil) != refuse.Load() {
			t.Fatal(err)
		}
	}
	if all, _ := office.connections(); all != 1 || len(office.letters()) != 20 {
		t.Errorf("%d mails went over %d connections, want 20 over 1", len(office.letters()), all)
	}
	refuse.Store(false)
	for i := range 100 {
		if _, err := s.send(fmt.Sprint("more", i), customerOrder); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := office.connections(); all != 2 {
		t.Errorf("130 mails went over %d connections, want 2: servers refuse to take too many over one", all)
	}
}

func TestNoMoreConnectionsThanMailsAtOnce(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	const workers, each = 8, 20
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			for i := range each {
				if _, err := s.send(fmt.Sprint(worker, ".", i), customerOrder); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	ids := map[string]bool{}
	for _, letter := range office.letters() {
		ids[parse(t, letter.content).header.Get("Message-ID")] = true
	}
	if all, _ := office.connections(); all > 2*workers || len(ids) != workers*each {
		t.Errorf("%d mails went over %d connections, want %d over few", len(ids), all, workers*each)
	}
}

// TestConnectionThatTheServerEnded goes on over a new one, though the old one was waiting.
func TestConnectionThatTheServerEnded(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ending{Listener: listener}
	serve(t, office, server, nil)
	s := newShop(t, listener.Addr().String(), nil)
	for i := range 3 {
		if _, err := s.send(fmt.Sprint(i), customerOrder); err != nil {
			t.Fatal(err)
		}
		server.endConnections()
	}
	if all, _ := office.connections(); all != 3 || len(office.letters()) != 3 {
		t.Errorf("%d mails over %d connections, want 3 over 3", len(office.letters()), all)
	}
}

// TestCloseLeavesNothingBehind is not parallel: it looks at all goroutines.
func TestCloseLeavesNothingBehind(t *testing.T) {
	office := &postOffice{}
	address := openPostOffice(t, office, nil)
	silent := hostile(t, upTo("dot", func(connection net.Conn) { _, _ = io.Copy(io.Discard, connection) }))
	s, stuck := newShop(t, address, nil), newShop(t, silent, nil)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			if _, err := s.send(fmt.Sprint(i), customerOrder); err != nil {
				t.Error(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := stuck.handler.Handle(ctx, newDelivery(fmt.Sprint(i), customerOrder)); err == nil {
				t.Error("a server that never answers: got success")
			}
		})
	}
	work.Wait()
	for range 2 { // a second time does nothing
		if err := s.handler.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
	_ = stuck.handler.(io.Closer).Close()
	if left := ownGoroutines(); left != "" {
		t.Errorf("goroutines are left:\n%s", left)
	}
	deadline := time.Now().Add(10 * time.Second)
	for _, open := office.connections(); open > 0; _, open = office.connections() {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, want none", open)
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := s.send("after", customerOrder); err != nil {
		t.Errorf("a mail after Close: %v", err)
	}
}

// ownGoroutines is the stacks of what the kind has started.
func ownGoroutines() string {
	stacks := make([]byte, 1<<20)
	var own []string
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "consumers/notify.(") {
			own = append(own, stack)
		}
	}
	return strings.Join(own, "\n\n")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	client := newShop(t, "127.0.0.1:1", nil).redis
	good := notify.Options{Redis: client, SMTP: "smtp://mail.example.com", From: "a@example.com"}
	tests := map[string]func(o *notify.Options){
		"notify: redis: expected a client":                                      func(o *notify.Options) { o.Redis = nil },
		"notify: smtp: expected smtp://host:587 or smtps://host:465":            func(o *notify.Options) { o.SMTP = "" },
		"notify: from: expected one e-mail address":                             func(o *notify.Options) { o.From = "shop" },
		"notify: from: a line break or another":                                 func(o *notify.Options) { o.From = "a@b\r\nBcc: c@d" },
		"notify: tls: expected starttls or none, got \"ssl\"":                   func(o *notify.Options) { o.TLS = "ssl" },
		"notify: tls: the password could be read":                               func(o *notify.Options) { o.TLS, o.User, o.Password = "none", "a", "b" },
		"notify: password: expected a user and a password":                      func(o *notify.Options) { o.Password = "b" },
		"notify: keep: expected at least 1ms":                                   func(o *notify.Options) { o.Keep = time.Microsecond },
		"notify: ca_file: open /nowhere":                                        func(o *notify.Options) { o.CAFile = "/nowhere" },
		"notify: smtp: expected smtp://host:587 or smtps://host:465\ntext: lin": func(o *notify.Options) { o.SMTP, o.Text = "x", "{{" },
	}
	for want, change := range tests {
		options := good
		change(&options)
		if _, err := notify.New(options); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("New: got %v, want %s", err, want)
		}
	}
	for _, port := range []string{"smtp://h:0", "smtp://h:65536", "smtp://h:x", "http://h", "smtp://", "smtp://h/x", "smtp://h?x", "smtp://u@h"} {
		if len(notify.Options{SMTP: port, From: "a@b"}.Check()) != 1 {
			t.Errorf("Check of %s: found %v, want one fault", port, notify.Options{SMTP: port, From: "a@b"}.Check())
		}
	}
}
