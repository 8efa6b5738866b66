package notify

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/millrace/millrace/consumers/render"
)

// Fault is one thing that is wrong with the options.
type Fault struct {
	// Field is the option, as a handlers file calls it, such as `subject`.
	Field string
	// Problem is what was expected.
	Problem string
}

// Error is `field: problem`.
func (f Fault) Error() string { return f.Field + ": " + f.Problem }

// Check says everything that is wrong with the options as far as it can be told from themselves, without Redis, password and
// files. It does no I/O.
func (o Options) Check() []Fault {
	_, faults := o.make()
	return faults
}

func asErrors(faults []Fault) []error {
	joined := make([]error, len(faults))
	for i, fault := range faults {
		joined[i] = fault
	}
	return joined
}

// maker makes a handler's parts and collects what is wrong with the options.
type maker struct {
	Options
	faults []Fault
}

func (m *maker) fault(field string, err error) {
	if err != nil {
		m.faults = append(m.faults, Fault{field, err.Error()})
	}
}

// make makes what needs nothing but the options themselves; its parts are there also where there are faults.
func (o Options) make() (*handler, []Fault) {
	m := &maker{Options: o}
	made := &handler{
		pool:      &pool{server: m.server(), idle: defaultIdle},
		markers:   m.markers(),
		to:        m.templates("to", o.To),
		subject:   m.template(parseText, "subject", cmp.Or(o.Subject, defaultSubject)),
		bodies:    m.bodies(),
		attach:    m.templates("attach", o.Attach),
		attachDir: cmp.Or(o.AttachDir, DefaultAttachDir),
	}
	from, err := parseAddress(o.From)
	m.fault("from", err)
	made.from = from
	return made, m.faults
}

func (m *maker) server() *server {
	found, err := parseServer(m.SMTP)
	if err != nil {
		m.fault("smtp", err)
		return &server{}
	}
	m.fault("tls", found.setTLS(m.TLS))
	if m.User != "" && found.inClear() {
		m.fault("tls", errors.New("the password could be read on its way: expected starttls, or smtps:// as the server"))
	}
	return found
}

func (m *maker) markers() *markers {
	made, err := newMarkers(cmp.Or(m.SentKey, DefaultSentKey), cmp.Or(m.Keep, DefaultKeep))
	if err != nil {
		m.fault("sent_key", errors.New("expected the same form as a stream's name"))
	}
	if made.keep < time.Millisecond {
		m.fault("keep", fmt.Errorf("expected at least 1ms, got %v", made.keep))
	}
	return made
}

func (m *maker) bodies() []body {
	text, html := m.Text, m.HTML
	if text == "" && html == "" {
		text, html = defaultText, defaultHTML
	}
	var bodies []body
	if text != "" {
		bodies = append(bodies, body{"text", gomail.TypeTextPlain, m.template(parseText, "text", text)})
	}
	if html != "" {
		bodies = append(bodies, body{"html", gomail.TypeTextHTML, m.template(parseHTML, "html", html)})
	}
	return bodies
}

func (m *maker) templates(field string, sources []string) []render.Template {
	made := make([]render.Template, 0, len(sources))
	for _, source := range sources {
		made = append(made, m.template(parseText, field, source))
	}
	return made
}

func (m *maker) template(parse func(name, source string) (render.Template, error), field, source string) render.Template {
	m.fault(field, checkTemplate(parse, field, source))
	template, _ := parse(field, source) // a fault says it where it fails
	return template
}
