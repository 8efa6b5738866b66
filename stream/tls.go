package stream

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer returns what opens the server's connections: dial, or the net package where it is nil, with TLS on top where
// the URL asks for it.
func (s *server) dialer(dial dialFunc) (dialFunc, error) {
	if dial == nil {
		// A Redis behind a load balancer is closed in silence when nothing is said for some minutes.
		plain := &net.Dialer{KeepAlive: 30 * time.Second}
		dial = plain.DialContext
	}
	if !s.tls {
		return dial, nil
	}
	config, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialTLS(ctx, dial, config, network, address)
	}, nil
}

// dialTLS dials and shakes hands within the context. The certificate must be for the host that was dialled, unless the
// configuration names another.
func dialTLS(ctx context.Context, dial dialFunc, config *tls.Config, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	plain, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	named := config.Clone()
	named.ServerName = cmp.Or(config.ServerName, host)
	secure := tls.Client(plain, named)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // the handshake has failed, and its error says why
		return nil, fmt.Errorf("TLS with %s: %w%s", address, err, authorityHint(err, config))
	}
	return secure, nil
}

// authorityHint says what to do about a certificate of an authority that is not trusted; "" about anything else.
func authorityHint(err error, config *tls.Config) string {
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case !isUnknown:
		return ""
	case config.RootCAs == nil:
		return ": name the file of its authority in the URL, as tls_ca"
	default:
		return ": it is by no authority in the file that tls_ca names"
	}
}

// tlsConfig reads the files that the TLS parameters name. The system's authorities are trusted where tls_ca names none;
// nothing turns the check of the certificate off.
func (s *server) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.parameters.Get("tls_server_name")}
	if file := s.parameters.Get("tls_ca"); file != "" {
		authorities, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("parameter tls_ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("parameter tls_ca: no certificate in PEM form in %s", file)
		}
	}
	certificate, key := s.parameters.Get("tls_cert"), s.parameters.Get("tls_key")
	if certificate == "" && key == "" {
		return config, nil
	}
	if certificate == "" || key == "" {
		return nil, errors.New("parameters tls_cert and tls_key: both are needed, or neither")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("parameters tls_cert and tls_key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
