package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// DefaultContentType is the type of what a template makes, where Options.ContentType names none.
const DefaultContentType = "application/json"

// Options says where the events go. Zero values are the defaults.
type Options struct {
	// URL is where the events are posted to, http or https, without user and password. Required. It is taken for a secret beyond
	// its host, since chat systems put their tokens there: parts of 8 bytes or more are taken out of what an answer says.
	URL string
	// Source is the ce-source of events that bring none of their own; "" is remote.DefaultSource.
	Source string
	// Secrets are the keys of the signature, parted by white space, each `whsec_` and 24 to 64 bytes in base64 (the prefix may
	// be left out); "" signs nothing.
	Secrets string
	// Token is sent as `Authorization: Bearer`; "" sends none.
	Token string
	// Headers are sent with each request. Those that this package sends itself are refused.
	Headers map[string]string
	// CA are the authorities in PEM form that may have signed the receiver's certificate; nil trusts those of the system.
	CA []byte
	// Body is a template (text/template) of the body that is sent in place of the event's data; "" sends the data. View says
	// what it can use.
	Body string
	// ContentType is the type of what Body makes; "" is DefaultContentType. What is called JSON must be JSON: an event of which
	// the template makes something else becomes a dead letter.
	ContentType string
	// Expect is a text that the beginning of a successful answer holds, of remote.MaxBodyBytes: an answer of 2xx without it is
	// tried again. It is for chat systems, which answer 200 also to what they refuse. "" expects nothing.
	Expect string
	// Concurrency is how many handlings run at once, and so how many connections there may be; zero is
	// consumers.DefaultConcurrency.
	Concurrency int
}

func (o Options) withDefaults() Options {
	o.Source = cmp.Or(o.Source, remote.DefaultSource)
	o.ContentType = cmp.Or(o.ContentType, DefaultContentType)
	o.Concurrency = cmp.Or(o.Concurrency, consumers.DefaultConcurrency)
	return o
}

// validate returns every fault of what is not made into something else by New.
func (o Options) validate() error {
	faults := []error{
		in("url", CheckURL(o.URL)), in("source", remote.CheckSource(o.Source)),
		in("content_type", CheckContentType(o.ContentType)),
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		faults = append(faults, in(fmt.Sprintf("headers: %.80q", name), CheckHeader(name, o.Headers[name])))
	}
	if o.Token != remote.Escape(o.Token) {
		faults = append(faults, errors.New("token: expected visible ASCII characters without quotation marks and percent signs"))
	}
	if o.Concurrency < 1 {
		faults = append(faults, fmt.Errorf("concurrency: expected at least 1, got %d", o.Concurrency))
	}
	return errors.Join(faults...)
}

// in says which option a fault is about.
func in(option string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", option, err)
}

// CheckURL says what is wrong with the URL of a receiver, or nil. Of the URL itself the error repeats nothing but its scheme and
// its address: the rest may be secret.
func CheckURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || text == "" || parsed.Opaque != "" {
		return errors.New("expected a URL such as https://shop.example/hooks/orders, got something else")
	}
	port, portErr := strconv.ParseUint(cmp.Or(parsed.Port(), "443"), 10, 16)
	address, addressErr := netip.ParseAddr(parsed.Hostname())
	switch {
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return fmt.Errorf("expected a URL that begins with http:// or https://, got the scheme %.20q", parsed.Scheme)
	case parsed.Hostname() == "":
		return errors.New("expected a URL with a host, such as https://shop.example/hooks/orders, got one without")
	case portErr != nil || port == 0:
		return errors.New("expected a URL with a port from 1 to 65535")
	case parsed.User != nil:
		return errors.New("a URL with user or password is refused: set a token instead")
	case parsed.Fragment != "":
		return errors.New("expected a URL without the part behind #, which is not sent")
	case addressErr == nil:
		return checkAddress(address)
	}
	return nil
}

// CheckContentType says what is wrong with the type of a body, or nil.
func CheckContentType(text string) error {
	mediaType, _, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(mediaType, "/") || strings.ContainsFunc(text, isControl) {
		return fmt.Errorf("expected a media type such as application/json, got %.80q", text)
	}
	return nil
}

var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
	// ownHeaders are what this package and HTTP itself write.
	ownHeaders = regexp.MustCompile(`(?i)^(ce-.*|webhook-.*|millrace-.*|content-.*|proxy-.*|idempotency-key|authorization|host|` +
		`connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|traceparent|tracestate)$`)
)

// CheckHeader says what is wrong with a header of each request, or nil. The error does not name the header.
func CheckHeader(name, value string) error {
	switch {
	case !headerName.MatchString(name):
		return errors.New("expected a header's name, such as X-Shop")
	case strings.EqualFold(name, "authorization"):
		return errors.New("is made of the token: name that in token_env or token_file")
	case ownHeaders.MatchString(name):
		return errors.New("is written by the webhook itself")
	case strings.ContainsFunc(value, isControl) || len(value) > remote.MaxExtensionBytes:
		return fmt.Errorf("expected at most %d bytes on one line", remote.MaxExtensionBytes)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
