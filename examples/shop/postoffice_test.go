package shop_test

import (
	"encoding/base64"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// postOffice is a mail server that keeps what it accepts.
type postOffice struct {
	address string

	mutex    sync.Mutex
	accepted []letter
}

// letter is a mail that was accepted.
type letter struct {
	at      time.Time
	to      []string
	content string
}

// openPostOffice starts a mail server; the test's end stops it.
func openPostOffice(t *testing.T) *postOffice {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	office := &postOffice{address: listener.Addr().String()}
	server := smtp.NewServer(office)
	server.Domain, server.ErrorLog = "localhost", log.New(io.Discard, "", 0)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return office
}

func (p *postOffice) letters() []letter {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.accepted)
}

// NewSession begins a conversation.
func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &conversation{office: p}, nil
}

// conversation is one connection.
type conversation struct {
	office *postOffice
	to     []string
}

func (c *conversation) Reset() { c.to = nil }

func (c *conversation) Logout() error { return nil }

func (c *conversation) Mail(string, *smtp.MailOptions) error { return nil }

func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = append(c.to, to)
	return nil
}

func (c *conversation) Data(reader io.Reader) error {
	content, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	c.office.mutex.Lock()
	defer c.office.mutex.Unlock()
	c.office.accepted = append(c.office.accepted, letter{at: time.Now(), to: c.to, content: string(content)})
	return nil
}

// parsed is a mail as its reader's program shows it.
type parsed struct {
	id, from, to, subject string
	text, html            string
	files                 map[string][]byte
}

// parseMail reads a mail.
func parseMail(t *testing.T, content string) parsed {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("read a mail: %v\n%s", err, content)
	}
	read := parsed{id: message.Header.Get("Message-ID"), files: map[string][]byte{}}
	from, fromErr := mail.ParseAddress(message.Header.Get("From"))
	to, toErr := mail.ParseAddress(message.Header.Get("To"))
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if fromErr != nil || toErr != nil || err != nil {
		t.Fatalf("read a mail's header: %v, %v, %v", fromErr, toErr, err)
	}
	read.from, read.to, read.subject = from.Name, to.Address, subject
	read.part(t, message.Header.Get("Content-Type"), "", message.Header.Get("Content-Transfer-Encoding"), message.Body)
	return read
}

// part reads a part of a mail, and the parts that it consists of.
func (p *parsed) part(t *testing.T, contentType, file, encoding string, content io.Reader) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("a mail's part is of the type %q: %v", contentType, err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		p.parts(t, multipart.NewReader(content, parameters["boundary"]))
		return
	}
	switch encoding { // the parts' reader has decoded quoted-printable
	case "base64":
		content = base64.NewDecoder(base64.StdEncoding, content)
	case "quoted-printable":
		content = quotedprintable.NewReader(content)
	}
	read, err := io.ReadAll(content)
	if err != nil {
		t.Fatalf("read a mail's part: %v", err)
	}
	switch {
	case file != "":
		p.files[file] = read
	case kind == "text/html":
		p.html = string(read)
	default:
		p.text = string(read)
	}
}

func (p *parsed) parts(t *testing.T, reader *multipart.Reader) {
	t.Helper()
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("read a mail's parts: %v", err)
		}
		p.part(t, part.Header.Get("Content-Type"), part.FileName(), part.Header.Get("Content-Transfer-Encoding"), part)
	}
}
