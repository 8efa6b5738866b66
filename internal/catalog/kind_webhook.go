package catalog

import (
	"errors"
	"fmt"
	"os"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
	"github.com/millrace/millrace/consumers/webhook"
)

// readWebhook reads where events are posted to.
func readWebhook(with *section) constructor {
	options := webhook.Options{
		URL:         with.checked("url", webhook.CheckURL),
		Source:      with.checked("source", remote.CheckSource),
		Body:        with.checked("body", webhook.CheckBody),
		ContentType: with.checked("content_type", webhook.CheckContentType),
		Expect:      with.text("expect"),
		Headers:     readHeaders(with.section("headers")),
	}
	if with.has("content_type") && !with.has("body") {
		with.fault("content_type", "tells the type of what `body` makes, which is missing: an event's data has the type that the event says")
	}
	address, keys, token := readHiddenURL(with), with.secret("secret"), with.secret("token")
	authorities := with.text("ca_file")
	return func(dependencies Dependencies) (consumers.Handler, error) {
		made := options
		made.Concurrency = dependencies.Concurrency
		faults := []error{
			address.into(&made.URL, dependencies), keys.into(&made.Secrets, dependencies), token.into(&made.Token, dependencies),
		}
		if authorities != "" {
			content, err := os.ReadFile(authorities)
			if made.CA = content; err != nil {
				faults = append(faults, fmt.Errorf("ca_file: %w", err))
			}
		}
		if err := errors.Join(faults...); err != nil {
			return nil, err
		}
		return webhook.New(made)
	}
}

// readHiddenURL reads where a URL is found that is itself a secret, as those of chat systems are.
func readHiddenURL(with *section) secret {
	if !with.has("url") {
		hidden := with.secret("url")
		if !hidden.isSet() && !with.has("url_env") && !with.has("url_file") {
			with.require("url", "a URL such as https://shop.example/hooks/orders, or the variable that holds one in url_env")
		}
		return hidden
	}
	for _, key := range []string{"url_env", "url_file"} {
		if with.text(key) != "" {
			with.fault(key, "expected url or %s, got both", key)
		}
	}
	return secret{}
}

// readHeaders reads the headers of each request, of any names.
func readHeaders(headers *section) map[string]string {
	read := map[string]string{}
	for _, name := range headers.keys {
		read[name] = headers.checked(name, func(value string) error { return webhook.CheckHeader(name, value) })
	}
	return read
}

// checked reads a text as text does, and reports what check says against it.
func (s *section) checked(key string, check func(string) error) string {
	text := s.text(key)
	if text == "" {
		return ""
	}
	if err := check(text); err != nil {
		s.fault(key, "%v", err)
	}
	return text
}

// into looks the secret up, where one is named, and writes it to target.
func (s secret) into(target *string, dependencies Dependencies) error {
	if !s.isSet() {
		return nil
	}
	value, err := s.value(dependencies.Environment)
	*target = value
	return err
}
