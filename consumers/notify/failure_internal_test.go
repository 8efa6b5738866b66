package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
)

// TestNamesInACertificateAreCleaned has a server whose certificate names what would forge a line of the log.
func TestNamesInACertificateAreCleaned(t *testing.T) {
	names := []string{"mail\nlevel=error", "\x1b[31mred"}
	wrongHost := x509.HostnameError{Host: "mail.example.com", Certificate: &x509.Certificate{DNSNames: names}}
	if !strings.Contains(wrongHost.Error(), "\x1b") {
		t.Fatalf("the library cleans the names itself: %q", wrongHost)
	}
	server := &server{host: "mail.example.com", port: "25"}
	verdict := server.verdict(&failure{stage: stageStartTLS, err: &tls.CertificateVerificationError{Err: wrongHost}}, envelope{})
	if text := verdict.Error(); strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, "red") {
		t.Errorf("the names are not fit to be shown, or not there: %q", text)
	}
	if !errors.As(verdict, &x509.HostnameError{}) {
		t.Errorf("errors.As finds no x509.HostnameError in %q", verdict)
	}
}
