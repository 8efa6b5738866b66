package notify

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// failure is where and why a mail could not be handed in.
type failure struct {
	stage     string
	err       error
	permanent bool
}

func (f *failure) Error() string { return f.stage + ": " + f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// answered tells whether the server answered, so that the connection is good for the next mail.
func answered(err error) bool {
	reply := (*textproto.Error)(nil)
	return err == nil || errors.As(err, &reply)
}

// verdict makes of an error what the handler returns, in words that tell what to do. The server's refusals of this mail
// with 5xx are permanent. Everything else is worth another try: that includes a password that the server refuses and a
// certificate that is not trusted, since an operator mends those for all mails at once.
func (s *server) verdict(err error, mail envelope) error {
	failed := &failure{stage: stageConnect, err: err}
	_ = errors.As(err, &failed)
	reply := (*textproto.Error)(nil)
	if !errors.As(failed.err, &reply) {
		worded := fmt.Errorf("mail through %s: %s: %w", s.address(), failed.stage, s.explain(failed.err, mail))
		if failed.permanent {
			return consumers.Permanent(worded)
		}
		return worded
	}
	worded := fmt.Errorf("mail through %s: the server refused %s: %d %s", s.address(), failed.stage, reply.Code, s.said(reply.Msg, mail))
	if failed.isFinal(reply.Code) {
		return consumers.Permanent(worded)
	}
	return worded
}

// isFinal tells whether the server's answer holds for this mail whenever it is sent.
func (f *failure) isFinal(code int) bool {
	ofThisMail := slices.Contains([]string{stageSender, stageRecipient, stageData, stageMessage}, f.stage)
	signIn := slices.Contains([]int{530, 534, 535, 538}, code) // RFC 4954
	return ofThisMail && code/100 == 5 && !signIn
}

// explain adds to an error of the connection what can be done about it.
func (s *server) explain(err error, mail envelope) error {
	odd := textproto.ProtocolError("")
	untrusted := (*tls.CertificateVerificationError)(nil)
	plain := tls.RecordHeaderError{}
	clean := &cleaned{err, s.said(err.Error(), mail)}
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the server's certificate is not trusted; ca_file names the authority of a private one: %w", clean)
	case errors.As(err, &odd):
		return fmt.Errorf("the server answers as no mail server does: %s", s.said(string(odd), mail))
	case errors.As(err, &plain):
		return errors.New("the server does not speak TLS on this port: is it smtp:// in place of smtps://?")
	}
	return clean
}

// cleaned is an error of a library, which may repeat what the server said or what stands in its certificate, in words that are
// fit to be shown.
type cleaned struct {
	err  error
	text string
}

func (c *cleaned) Error() string { return c.text }

func (c *cleaned) Unwrap() error { return c.err }

// said is a server's answer as one line: short, without the recipients' addresses and without the password.
func (s *server) said(text string, mail envelope) string {
	secrets := slices.Clone(mail.to)
	if s.password != "" {
		plain := base64.StdEncoding.EncodeToString([]byte("\x00" + s.user + "\x00" + s.password))
		secrets = append(secrets, s.password, base64.StdEncoding.EncodeToString([]byte(s.password)), plain)
	}
	return remote.Quote([]byte(remote.Hiding(secrets...).Replace(text)))
}
