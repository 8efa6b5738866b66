package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Trusting is how a server is recognised: it speaks no less than TLS 1.2, and its certificate is signed by one of the authorities,
// which are in PEM form; nil means those that the system trusts. The error repeats nothing of them.
func Trusting(authorities []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities == nil {
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(authorities) {
		return nil, errors.New("expected certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----")
	}
	return config, nil
}
