package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/notify"
)

func readNotify(with *section) constructor {
	with.require("smtp", "the mail server, such as smtp://mail.example.com:587")
	with.require("from", "the sender, such as My Shop <shop@example.com>")
	options := notify.Options{
		SMTP:      with.text("smtp"),
		TLS:       with.text("tls"),
		CAFile:    with.text("ca_file"),
		User:      with.text("user"),
		From:      with.text("from"),
		To:        with.oneOrMore("to", `["{{.Data.email}}"]`),
		Subject:   with.text("subject"),
		Attach:    with.oneOrMore("attach", `["work-order-{{.Order.Number}}.pdf"]`),
		AttachDir: with.text("attach_dir"),
		SentKey:   with.text("sent_key"),
		Keep:      with.duration("keep", 0, time.Minute, 365*day),
	}
	password := with.secret("password")
	if !with.broken && (options.User != "") != password.isSet() {
		with.fault("user", "expected user and password_env or password_file, or neither")
	}
	text, html := with.template("text"), with.template("html")
	options.Text, options.HTML = text.inline, html.inline
	checkNotify(with, options)
	return func(dependencies Dependencies) (consumers.Handler, error) {
		connected := options
		connected.Redis, connected.Logger = dependencies.Redis, dependencies.Logger
		var faults [3]error
		connected.Password, faults[0] = password.value(dependencies.Environment)
		connected.Text, faults[1] = text.content()
		connected.HTML, faults[2] = html.content()
		if err := errors.Join(faults[:]...); err != nil {
			return nil, err
		}
		return notify.New(connected)
	}
}

// checkNotify reports what the kind finds wrong with its options, where a text stands there to be wrong.
func checkNotify(with *section, options notify.Options) {
	for _, fault := range options.Check() {
		if with.has(fault.Field) && !with.isFaulty(fault.Field) {
			with.fault(fault.Field, "%s", printableLine(fault.Problem))
		}
	}
}

// maxProblem is how much of what a kind says about its options a fault repeats, in characters.
const maxProblem = 400

// printableLine makes one line of text that may repeat parts of a template.
func printableLine(text string) string {
	text = strings.Map(func(char rune) rune {
		if !unicode.IsPrint(char) {
			return ' '
		}
		return char
	}, text)
	if runes := []rune(text); len(runes) > maxProblem {
		return string(runes[:maxProblem-1]) + "…"
	}
	return text
}

// isFaulty tells whether something is reported about key already.
func (s *section) isFaulty(key string) bool {
	for _, fault := range s.report.faults {
		if fault.Place == s.below(key) {
			return true
		}
	}
	return false
}

// oneOrMore reads a text or a list of texts; nil where the key is not there.
func (s *section) oneOrMore(key, example string) []string {
	found, ok := s.lookup(key)
	if !ok {
		return nil
	}
	if _, isList := found.node.(*ast.SequenceNode); !isList {
		if text := s.text(key); text != "" {
			return []string{text}
		}
		return nil
	}
	var texts []string
	for _, item := range s.texts(key, example) {
		texts = append(texts, item.text)
	}
	return texts
}

// maxTemplateBytes is how large a template's file may be.
const maxTemplateBytes = 1 << 20

// template is a template that stands in the handlers file, or in a file of its own that is read at start.
type template struct{ key, inline, file string }

// template reads `<key>` or `<key>_file`, of which one may be there.
func (s *section) template(key string) template {
	found := template{key: key, inline: s.text(key), file: s.text(key + "_file")}
	if s.has(key) && s.has(key+"_file") {
		s.fault(key+"_file", "expected %s or %s_file, got both", key, key)
	}
	return found
}

// content is the template's text; "" where there is none.
func (t template) content() (string, error) {
	if t.file == "" {
		return t.inline, nil
	}
	file, err := os.Open(t.file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", t.key, err)
	}
	defer func() { _ = file.Close() }() // it was only read from
	content, err := io.ReadAll(io.LimitReader(file, maxTemplateBytes+1))
	switch text := strings.TrimPrefix(string(content), "\ufeff"); {
	case err != nil:
		return "", fmt.Errorf("%s_file: %w", t.key, err)
	case len(content) > maxTemplateBytes:
		return "", fmt.Errorf("%s_file: %s is larger than 1 MiB: expected a template", t.key, t.file)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("%s_file: %s is not UTF-8 text: save it as UTF-8", t.key, t.file)
	default:
		return cmp.Or(text, "\n"), nil // an empty file is an empty body, not none
	}
}
