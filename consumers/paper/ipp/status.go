package ipp

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// The statuses that are told apart here (RFC 8011, appendix B).
const (
	firstError       = 0x0400
	statusNotFound   = 0x0406
	statusFormat     = 0x040a
	statusAttributes = 0x040b
	statusBusy       = 0x0507
)

// busyWait is how long a printer is left alone that says it is busy, and not for how long.
const busyWait = 30 * time.Second

// statusWords says each status that a reader can do something about: what it is called, what that means, and whether the
// same document will get it again however often it is sent.
var statusWords = map[uint16]struct {
	name, words string
	permanent   bool
}{
	0x0400:           {"client-error-bad-request", "it does not understand the request", true},
	0x0401:           {"client-error-forbidden", "it does not let us print", false},
	0x0402:           {"client-error-not-authenticated", "it asks for a password: let this host print without one", false},
	0x0403:           {"client-error-not-authorized", "it does not let us print", false},
	0x0404:           {"client-error-not-possible", "that is not possible now", false},
	0x0405:           {"client-error-timeout", "the document came too slowly", false},
	statusNotFound:   {"client-error-not-found", "there is no such printer: check its name in the address", false},
	0x0407:           {"client-error-gone", "the printer was taken away", false},
	0x0408:           {"client-error-request-entity-too-large", "the document is too large for it", true},
	0x0409:           {"client-error-request-value-too-long", "a value of the request is too long for it", true},
	statusFormat:     {"client-error-document-format-not-supported", "it cannot print this format", true},
	statusAttributes: {"client-error-attributes-or-values-not-supported", "it does not know a part of the request", true},
	0x040c:           {"client-error-uri-scheme-not-supported", "it is not spoken to in this way: try ipp:// or ipps://", false},
	0x040d:           {"client-error-charset-not-supported", "it does not know UTF-8", true},
	0x040e:           {"client-error-conflicting-attributes", "parts of the request contradict each other", true},
	0x0411:           {"client-error-document-format-error", "it cannot read the document", true},
	0x0500:           {"server-error-internal-error", "it has a fault of its own", false},
	0x0501:           {"server-error-operation-not-supported", "it cannot do that", false},
	0x0502:           {"server-error-service-unavailable", "it is not available", false},
	0x0503:           {"server-error-version-not-supported", "it does not speak IPP 1.1", false},
	0x0504:           {"server-error-device-error", "the device has a fault", false},
	0x0505:           {"server-error-temporary-error", "it cannot now", false},
	0x0506:           {"server-error-not-accepting-jobs", "it takes no jobs now: see cupsaccept", false},
	statusBusy:       {"server-error-busy", "it is busy", false},
	0x0508:           {"server-error-job-canceled", "the job was cancelled while it was sent", false},
}

// statusError is a response that says no.
type statusError struct{ status uint16 }

func (e *statusError) Error() string {
	known, ok := statusWords[e.status]
	if !ok {
		return fmt.Sprintf("status 0x%04x", e.status)
	}
	return fmt.Sprintf("%s (%s)", known.words, known.name)
}

// judge marks err, which was made of a response's status, as what it is to a delivery.
func judge(status uint16, err error) error {
	switch {
	case status == statusBusy:
		return consumers.RetryAfter(busyWait, err)
	case statusWords[status].permanent:
		return consumers.Permanent(err)
	}
	return err
}

// judgeHTTP is the error of an answer that is no IPP at all, because the server refused the request before it read it.
func judgeHTTP(response *http.Response) error {
	err := fmt.Errorf("HTTP %s", response.Status)
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: it does not let us print: allow this host without a password", err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: there is no such printer: check its name in the address", err)
	case http.StatusUpgradeRequired:
		return fmt.Errorf("%w: it wants TLS: begin the address with ipps://", err)
	case http.StatusRequestEntityTooLarge:
		return consumers.Permanent(fmt.Errorf("%w: the document is too large for it", err))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait := remote.RetryAfter(response.Header.Get("Retry-After"), time.Now())
		return consumers.RetryAfter(cmp.Or(wait, busyWait), err)
	}
	return err
}
