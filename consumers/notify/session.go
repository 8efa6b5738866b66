package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// quitTime is how long saying goodbye may take.
	quitTime = 2 * time.Second
	// maxAnswers is how much a server may answer while one mail is sent: far more than any has to say.
	maxAnswers = 1 << 20
)

// Where a conversation with a server can fail: the end of "the server refused ...".
const (
	stageConnect   = "the connection"
	stageHello     = "our greeting (EHLO)"
	stageStartTLS  = "encryption (STARTTLS)"
	stageSignIn    = "the user and password (AUTH)"
	stageSender    = "the sender (MAIL FROM)"
	stageRecipient = "a recipient (RCPT TO)"
	stageData      = "to take the message (DATA)"
	stageMessage   = "the message"
)

// envelope is one mail as it is handed in.
type envelope struct {
	from    string
	to      []string
	content []byte
}

// needsUTF8 tells whether an address holds what only servers with SMTPUTF8 (RFC 6531) take.
func (e envelope) needsUTF8() bool {
	return slices.ContainsFunc(append([]string{e.from}, e.to...), func(address string) bool {
		return strings.ContainsFunc(address, func(char rune) bool { return char > 0x7f })
	})
}

// session is a connection to a server that has been greeted and signed in to. One goroutine at a time uses it.
type session struct {
	connection *boundedConn
	client     *smtp.Client
	mails      int // how many it has carried
}

// open connects, encrypts and signs in. It blocks until that is done, has failed, or ctx ends.
func (s *server) open(ctx context.Context) (*session, error) {
	dialed, err := new(net.Dialer).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, &failure{stage: stageConnect, err: err}
	}
	opened := &session{connection: &boundedConn{Conn: dialed, left: maxAnswers}}
	stop := opened.endWith(ctx)
	err = s.greet(opened)
	if !stop() || err != nil {
		_ = dialed.Close()
		return nil, cutShort(ctx, err)
	}
	return opened, nil
}

// greet goes as far as a mail can be sent.
func (s *server) greet(opened *session) error {
	var connection net.Conn = opened.connection
	if s.encrypted {
		connection = tls.Client(connection, s.tls)
	}
	client, err := smtp.NewClient(connection, s.host)
	if err != nil {
		return &failure{stage: stageConnect, err: err}
	}
	opened.client = client
	if err := client.Hello(s.hello); err != nil {
		return &failure{stage: stageHello, err: err}
	}
	if s.startTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return &failure{stage: stageStartTLS, err: errNoStartTLS}
		}
		if err := client.StartTLS(s.tls); err != nil {
			return &failure{stage: stageStartTLS, err: err}
		}
	}
	return s.signIn(client)
}

var (
	errNoStartTLS = errors.New("the server does not offer it: is it the right port? `tls: none` would send in clear text")
	errNoAuth     = errors.New("the server offers no way to sign in that is known here (SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5)")
	errNoUTF8     = errors.New("the server takes no addresses with characters beyond ASCII (SMTPUTF8)")
)

// signIn signs in where there is a user, in the best way that the server offers.
func (s *server) signIn(client *smtp.Client) error {
	if s.user == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	has := func(name string) bool { return slices.Contains(mechanisms, name) }
	var auth smtp.Auth
	switch {
	case has("SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(s.user, s.password)
	case has("PLAIN"): // setting up has refused a password in clear text
		auth = smtp.PlainAuth("", s.user, s.password, s.host, true)
	case has("LOGIN"):
		auth = smtp.LoginAuth(s.user, s.password, s.host, true)
	case has("CRAM-MD5"):
		auth = smtp.CRAMMD5Auth(s.user, s.password)
	default:
		return &failure{stage: stageSignIn, err: errNoAuth}
	}
	if err := client.Auth(auth); err != nil {
		return &failure{stage: stageSignIn, err: err}
	}
	return nil
}

// send hands in one mail. Where it returns nil the server has accepted it, for all recipients. It blocks until the server
// has answered or ctx ends; after an error that is no answer the session is broken.
func (s *session) send(ctx context.Context, mail envelope) error {
	s.mails++
	s.connection.left = maxAnswers
	stop := s.endWith(ctx)
	err := s.transfer(mail)
	if !stop() && err == nil {
		return nil // accepted in the last moment; the connection is not used again
	}
	return cutShort(ctx, err)
}

func (s *session) transfer(mail envelope) error {
	utf8 := mail.needsUTF8()
	if offered, _ := s.client.Extension("SMTPUTF8"); utf8 && !offered {
		return &failure{stage: stageRecipient, err: errNoUTF8, permanent: true}
	}
	// Asked for where it is not needed, it would keep the mail from servers behind this one that lack it.
	s.client.SkipSMTPUTF8(!utf8)
	if err := s.client.Mail("<" + mail.from + ">"); err != nil {
		return &failure{stage: stageSender, err: err}
	}
	for _, to := range mail.to {
		if err := s.client.Rcpt("<" + to + ">"); err != nil {
			return &failure{stage: stageRecipient, err: err}
		}
	}
	writer, err := s.client.Data()
	if err != nil {
		return &failure{stage: stageData, err: err}
	}
	if _, err := writer.Write(mail.content); err != nil {
		return &failure{stage: stageMessage, err: err}
	}
	if err := writer.Close(); err != nil {
		return &failure{stage: stageMessage, err: err}
	}
	return nil
}

// alive asks the server whether it is still there, and forgets what was begun.
func (s *session) alive(ctx context.Context) bool {
	s.connection.left = maxAnswers
	stop := s.endWith(ctx)
	err := s.client.Reset()
	return stop() && err == nil
}

// quit says goodbye and closes the connection. It takes quitTime at most.
func (s *session) quit() {
	_ = s.connection.SetDeadline(time.Now().Add(quitTime))
	s.connection.left = maxAnswers
	_ = s.client.Quit()
	_ = s.connection.Close()
}

// endWith lets every read and write fail once ctx ends. The function that it returns undoes that, and tells whether ctx
// had not ended.
func (s *session) endWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = s.connection.SetDeadline(time.Unix(1, 0)) })
}

// cutShort is err, or why ctx ended where that is what err comes from.
func cutShort(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	failed := &failure{stage: stageConnect}
	_ = errors.As(err, &failed)
	return &failure{stage: failed.stage, err: context.Cause(ctx)}
}

// boundedConn reads no more than it is left to.
type boundedConn struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the server answers without end: is it a mail server?")

func (c *boundedConn) Read(into []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	count, err := c.Conn.Read(into[:min(len(into), c.left)])
	c.left -= count
	return count, err
}
