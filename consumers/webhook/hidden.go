package webhook

import (
	"net/url"
	"strings"

	"github.com/millrace/millrace/consumers/remote"
)

// leastHidden is how long a part of a URL is that may be a secret, in bytes. Shorter ones, such as hooks, are words that an
// error is poorer without.
const leastHidden = 8

// hiding takes out of an answer what a receiver repeats of the token and of the URL behind its host: many servers name the path
// that they do not have.
func hiding(target *url.URL, token string) *strings.Replacer {
	secrets := []string{token}
	for _, part := range strings.FieldsFunc(target.EscapedPath()+"/"+target.RawQuery, isBetweenParts) {
		if len(part) < leastHidden {
			continue
		}
		secrets = append(secrets, part)
		for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if plain, err := unescape(part); err == nil {
				secrets = append(secrets, plain)
			}
		}
	}
	return remote.Hiding(secrets...)
}

func isBetweenParts(char rune) bool { return strings.ContainsRune("/&;=", char) }
