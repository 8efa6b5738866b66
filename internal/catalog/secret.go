package catalog

import (
	"fmt"
	"os"
	"strings"
)

// secret is where a secret is found: a variable of the environment or a file, never the handlers file itself.
type secret struct {
	key      string
	variable string
	file     string
}

// secret reads `<key>_env` and `<key>_file`, of which one may be there.
func (s *section) secret(key string) secret {
	found := secret{key: key, variable: s.text(key + "_env"), file: s.text(key + "_file")}
	if found.variable != "" && found.file != "" {
		s.fault(key+"_file", "expected %s_env or %s_file, got both", key, key)
	}
	if s.has(key) {
		s.asked = append(s.asked, key)
		s.fault(key, "a secret does not stand in this file: expected the variable that holds it in %s_env, or its file in %s_file", key, key)
	}
	return found
}

// isSet tells whether the file names a secret at all.
func (s secret) isSet() bool { return s.variable != "" || s.file != "" }

// value looks the secret up, without white space around it; "" where none is named. It is read once, at start.
func (s secret) value(environment map[string]string) (string, error) {
	switch {
	case s.variable != "":
		value := strings.TrimSpace(environment[s.variable])
		if value == "" {
			return "", fmt.Errorf("%s_env: the variable %s is not set, or empty", s.key, s.variable)
		}
		return value, nil
	case s.file != "":
		content, err := os.ReadFile(s.file)
		if err != nil {
			return "", fmt.Errorf("%s_file: %w", s.key, err)
		}
		if value := strings.TrimSpace(string(content)); value != "" {
			return value, nil
		}
		return "", fmt.Errorf("%s_file: %s is empty", s.key, s.file)
	}
	return "", nil
}
