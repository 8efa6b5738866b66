package notify

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/millrace/millrace/consumers/remote"
)

// What Options.TLS may say.
const (
	// TLSStartTLS insists on an encrypted connection, by STARTTLS (RFC 3207).
	TLSStartTLS = "starttls"
	// TLSNone sends in clear text.
	TLSNone = "none"
)

// server is where mails are handed in, and how.
type server struct {
	host, port string
	encrypted  bool // from the first byte on: smtps
	startTLS   bool
	tls        *tls.Config
	user       string
	password   string
	hello      string // what this machine calls itself
}

// address is the server's host and port.
func (s *server) address() string { return net.JoinHostPort(s.host, s.port) }

// parseServer reads a URL such as smtp://mail.example.com:587. The error never repeats it: it may hold a password that does
// not belong there.
func parseServer(address string) (*server, error) {
	const expected = "expected smtp://host:587 or smtps://host:465"
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, errors.New(expected)
	}
	port := map[string]string{"smtp": "587", "smtps": "465"}[parsed.Scheme]
	switch number, err := strconv.Atoi(cmp.Or(parsed.Port(), port)); {
	case port == "" || parsed.Hostname() == "" || strings.ContainsAny(parsed.Hostname(), " \t\r\n"):
		return nil, errors.New(expected)
	case parsed.User != nil:
		return nil, errors.New(expected + ": a user stands in `user`, and its password in password_env or password_file")
	case strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		return nil, errors.New(expected + ", and nothing behind the port")
	case err != nil || number < 1 || number > 65535:
		return nil, errors.New(expected + ": a port is a number from 1 to 65535")
	}
	return &server{host: parsed.Hostname(), port: cmp.Or(parsed.Port(), port), encrypted: parsed.Scheme == "smtps"}, nil
}

// isLoopback tells whether what is sent to the server stays in this machine.
func (s *server) isLoopback() bool {
	ip := net.ParseIP(s.host)
	return strings.EqualFold(s.host, "localhost") || ip != nil && ip.IsLoopback()
}

// setTLS decides how the connection is encrypted: mode is Options.TLS.
func (s *server) setTLS(mode string) error {
	switch {
	case mode != "" && mode != TLSStartTLS && mode != TLSNone:
		return fmt.Errorf("expected %s or %s, got %q", TLSStartTLS, TLSNone, mode)
	case s.encrypted && mode != "":
		return errors.New("a connection to smtps:// is encrypted from its start: leave tls out")
	case s.encrypted:
	case mode == "":
		s.startTLS = !s.isLoopback()
	default:
		s.startTLS = mode == TLSStartTLS
	}
	return nil
}

// inClear tells whether what is sent can be read on its way.
func (s *server) inClear() bool { return !s.encrypted && !s.startTLS && !s.isLoopback() }

// trust makes what is trusted: the machine's own certificate authorities, or those in file alone.
func (s *server) trust(file string) error {
	var authorities []byte
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		authorities = content
	}
	config, err := remote.Trusting(authorities)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	config.ServerName, s.tls = s.host, config
	return nil
}
