package notify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// postOffice is a mail server that keeps what it accepts. Its functions, where they are set, may refuse.
type postOffice struct {
	mail func(from string) error
	rcpt func(to string) error
	data func(content []byte) error
	user string // who must sign in; "" means nobody

	mutex    sync.Mutex
	accepted []letter
	sessions int // opened in all
	open     int
	signedIn int
}

// letter is a mail that was accepted.
type letter struct {
	from    string
	to      []string
	utf8    bool
	content string
}

// openPostOffice starts a server with the office behind it and returns its address. change may be nil.
func openPostOffice(t *testing.T, office *postOffice, change func(server *smtp.Server)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, office, listener, change)
	return listener.Addr().String()
}

// serve lets the office take mails from listener until the test ends.
func serve(t *testing.T, office *postOffice, listener net.Listener, change func(server *smtp.Server)) {
	t.Helper()
	server := smtp.NewServer(office)
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8 = "localhost", true, true
	server.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(server)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // which the server may not know of yet
		<-served
	})
}

func (p *postOffice) letters() []letter {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.accepted)
}

// NewSession begins a conversation.
func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sessions++
	p.open++
	return &conversation{office: p}, nil
}

// conversation is one connection.
type conversation struct {
	office   *postOffice
	letter   letter
	signedIn bool
}

func (c *conversation) Reset() { c.letter = letter{} }

func (c *conversation) Logout() error {
	c.office.mutex.Lock()
	defer c.office.mutex.Unlock()
	c.office.open--
	return nil
}

func (c *conversation) Mail(from string, options *smtp.MailOptions) error {
	if c.office.user != "" && !c.signedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	c.letter = letter{from: from, utf8: options.UTF8}
	if c.office.mail != nil {
		return c.office.mail(from)
	}
	return nil
}

func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.letter.to = append(c.letter.to, to)
	if c.office.rcpt != nil {
		return c.office.rcpt(to)
	}
	return nil
}

func (c *conversation) Data(reader io.Reader) error {
	content, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	if c.office.data != nil {
		if err := c.office.data(content); err != nil {
			return err
		}
	}
	c.letter.content = string(content)
	c.office.mutex.Lock()
	defer c.office.mutex.Unlock()
	c.office.accepted = append(c.office.accepted, c.letter)
	return nil
}

func (c *conversation) AuthMechanisms() []string {
	if c.office.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (c *conversation) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != c.office.user || password != goodPassword {
			return errors.New("wrong: " + password) // a hostile server repeats it
		}
		c.office.mutex.Lock()
		defer c.office.mutex.Unlock()
		c.signedIn = true
		c.office.signedIn++
		return nil
	}), nil
}

// goodPassword is the one that the office takes.
const goodPassword = "correct horse battery"

// certify makes an authority and a certificate of it for 127.0.0.1, and returns the authority's file.
func certify(t *testing.T) (certificate tls.Certificate, authorityFile string) {
	t.Helper()
	authorityKey, key := newKey(t), newKey(t)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A private authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
	}
	authorityBytes, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		t.Fatal(err)
	}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, authorityKey)
	if err != nil {
		t.Fatal(err)
	}
	authorityFile = filepath.Join(t.TempDir(), "ca.pem")
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityBytes})
	if err := os.WriteFile(authorityFile, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leafBytes}, PrivateKey: key}, authorityFile
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
