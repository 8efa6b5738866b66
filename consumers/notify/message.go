package notify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/millrace/millrace/consumers"
)

const (
	// maxAddressBytes is how long an address may be (RFC 5321, "Path").
	maxAddressBytes = 254
	// maxSubject is how long a subject may be, in characters; the rest is cut.
	maxSubject = 250
)

// plainAddress is an address as people have one: what would have to be quoted in the protocol is refused.
var plainAddress = regexp.MustCompile(`^[^\s<>()\[\]\\,;:"@[:cntrl:]]+@[^\s<>()\[\]\\,;:"@[:cntrl:]]+$`)

// parseAddress reads one address, with or without a name, and makes one line of that. The error never repeats it.
func parseAddress(text string) (*mail.Address, error) {
	if strings.ContainsFunc(strings.TrimSpace(text), unicode.IsControl) {
		return nil, errors.New("a line break or another control character stands in the address")
	}
	address, err := mail.ParseAddress(text)
	if err != nil || !plainAddress.MatchString(address.Address) || len(address.Address) > maxAddressBytes {
		return nil, errors.New("expected one e-mail address, such as Ada <ada@example.com>")
	}
	address.Name = oneLine(address.Name) // which may have been encoded
	return address, nil
}

// messageID is the ID of the one mail of a delivery's event: the same each time.
func messageID(delivery *consumers.Delivery, from *mail.Address) string {
	sum := sha256.New()
	for _, part := range []string{delivery.Group, delivery.Name, delivery.ID} {
		fmt.Fprintf(sum, "%d:%s,", len(part), part)
	}
	domain := from.Address[strings.LastIndex(from.Address, "@")+1:]
	if strings.ContainsFunc(domain, func(char rune) bool { return char > unicode.MaxASCII }) {
		domain = "millrace.invalid" // a Message-ID is ASCII
	}
	return fmt.Sprintf("%x@%s", sum.Sum(nil)[:16], domain)
}

// compose makes the mail of a delivery.
func (h *handler) compose(delivery *consumers.Delivery, id string) (envelope, error) {
	view := newView(delivery)
	to, err := h.recipients(view)
	if err != nil {
		return envelope{}, consumers.Permanent(err)
	}
	subject, err := textOf(h.subject, view)
	if err == nil && oneLine(subject) == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return envelope{}, consumers.Permanent(fmt.Errorf("the mail's subject: %w", err))
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.SetMessageIDWithValue(id)
	message.SetDateWithValue(time.Now())
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no machine answers it
	message.FromMailAddress(h.from)
	message.ToMailAddress(to...)
	message.SetGenHeaderPreformatted(gomail.HeaderSubject, encodeSubject(subject))
	if err := h.addBodies(message, view); err != nil {
		return envelope{}, consumers.Permanent(err)
	}
	if err := h.addAttachments(message, view); err != nil {
		return envelope{}, err
	}
	return h.seal(message, to)
}

// seal writes the message out.
func (h *handler) seal(message *gomail.Msg, to []*mail.Address) (envelope, error) {
	var content bytes.Buffer
	if _, err := message.WriteTo(&content); err != nil {
		return envelope{}, consumers.Permanent(fmt.Errorf("compose the mail: %w", err))
	}
	sealed := envelope{from: h.from.Address, content: content.Bytes()}
	for _, address := range to {
		sealed.to = append(sealed.to, address.Address)
	}
	return sealed, nil
}

// oneLine makes one line of a text, so that no part of it can be taken for another header.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(printable, text)), " ")
}

// printable makes a space of every character that could do something to a terminal.
func printable(char rune) rune {
	if !unicode.IsPrint(char) {
		return ' '
	}
	return char
}

// encodeSubject is a subject as it stands in the header (RFC 2047), each encoded word in a line of its own. The first one
// begins beside the header's name: some readers show the space of a line that is folded there.
func encodeSubject(subject string) string {
	subject = oneLine(subject)
	if runes := []rune(subject); len(runes) > maxSubject {
		subject = string(runes[:maxSubject-1]) + "…"
	}
	return strings.ReplaceAll(mime.BEncoding.Encode("utf-8", subject), "?= =?", "?=\r\n =?")
}

// recipients is whom the mail goes to: what the templates say, else the order's customer.
func (h *handler) recipients(view *View) ([]*mail.Address, error) {
	if len(h.to) == 0 {
		return h.customer(view)
	}
	addresses := make([]*mail.Address, 0, len(h.to))
	for _, template := range h.to {
		text, err := textOf(template, view)
		if err != nil {
			return nil, fmt.Errorf("the mail's to: %w", err)
		}
		address, err := parseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("the mail's to: %w", err)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// customer is the address of the customer who ordered.
func (h *handler) customer(view *View) ([]*mail.Address, error) {
	order, err := view.Order()
	if err != nil {
		return nil, fmt.Errorf("the customer's e-mail: %w", err)
	}
	if order.Customer.Email == "" {
		return nil, errors.New("the event has no e-mail of the customer: expected customer.email or customer_email in its data, " +
			"or another place for it in `to`")
	}
	address, err := parseAddress(order.Customer.Email)
	if err != nil {
		return nil, fmt.Errorf("the customer's e-mail: %w", err)
	}
	address.Name = oneLine(order.Customer.Name)
	return []*mail.Address{address}, nil
}

// addBodies renders the text, the HTML or both, the text first: who shows mails shows the last that it can.
func (h *handler) addBodies(message *gomail.Msg, view *View) error {
	for _, body := range h.bodies {
		content, err := textOf(body.template, view)
		if err != nil {
			return fmt.Errorf("the mail's %s: %w", body.name, err)
		}
		message.AddAlternativeString(body.contentType, content)
	}
	return nil
}
