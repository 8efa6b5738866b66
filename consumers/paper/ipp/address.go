package ipp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// port is where printers and print servers listen (RFC 8010, section 5), with TLS and without.
const port = "631"

// Address is where a printer is found.
type Address struct {
	// uri is what the printer calls itself.
	uri string
	// endpoint is what requests are posted to.
	endpoint string
	// name is what errors call it.
	name string
	// encrypted tells whether it is spoken to over TLS.
	encrypted bool
}

// ParseAddress reads a printer's URI (RFC 3510, RFC 7472), such as ipp://10.0.0.5/ipp/print, or
// ipp://cups:631/printers/label for a queue of CUPS; ipps is the same over TLS. The port is 631 unless it says otherwise.
// The error says what was expected.
func ParseAddress(text string) (Address, error) {
	address, err := url.Parse(text)
	if err != nil {
		// The parser's error repeats the address, which may hold a password.
		return Address{}, errors.New("expected a printer's address, such as ipp://10.0.0.5/ipp/print")
	}
	scheme, known := map[string]string{"ipp": "http", "ipps": "https"}[address.Scheme]
	switch {
	case !known:
		return Address{}, fmt.Errorf("expected an address that begins ipp:// or ipps://, got %q", address.Scheme)
	case address.User != nil:
		return Address{}, errors.New("expected an address without a user and a password")
	case address.Hostname() == "":
		return Address{}, errors.New("expected a host, as in ipp://10.0.0.5/ipp/print")
	case strings.Trim(address.Path, "/") == "":
		return Address{}, errors.New("expected the printer's path after the host, such as /ipp/print, or /printers/label for CUPS")
	case address.RawQuery != "" || address.Fragment != "":
		return Address{}, errors.New("expected an address that ends with the path")
	}
	if !isPort(address.Port()) {
		return Address{}, fmt.Errorf("expected a port from 1 to 65535, got %q", address.Port())
	}
	endpoint := *address
	endpoint.Scheme = scheme
	if address.Port() == "" {
		endpoint.Host = net.JoinHostPort(address.Hostname(), port)
	}
	return Address{address.String(), endpoint.String(), nameOf(address), scheme == "https"}, nil
}

func isPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && number > 0
}

// nameOf is what people call a printer: the name of its queue, or its host where all printers have the same path.
func nameOf(address *url.URL) string {
	if last := path.Base(address.Path); last != "print" && last != "printer" && last != "ipp" {
		return last
	}
	return address.Hostname()
}
