package main

import (
	"strings"
	"testing"
	"unicode"
)

// FuzzConfig sets any two variables to anything: there is a configuration that can be run, or an error that names each
// faulty variable at the start of a line and shows no password.
func FuzzConfig(f *testing.F) {
	names := variables()
	for index := range names {
		for _, value := range []string{"", "0", "1h", "-1", "a,b", "16MiB", "[::1]:0", "info", "\x1b[31m\nMILLRACE_X: no", "\xff"} {
			f.Add(uint8(index), value, uint8(0), "redis://user:hunter2@host")
		}
	}
	for _, address := range []string{"redis://:hunter2", "rediss://h?hunter2=1", "unix:///a?db=hunter2", "redis://u:hunter2@h:x"} {
		f.Add(uint8(0), address, uint8(6), "10s")
	}
	f.Fuzz(func(t *testing.T, first uint8, value string, second uint8, other string) {
		one, two := names[int(first)%len(names)], names[int(second)%len(names)]
		if one == two || strings.Contains(value+other, "tls_") {
			return // what tls_ca names is a file, whose name an error shows
		}
		environ := []string{one + "=" + value, two + "=" + other}
		config, _, err := readConfig(environ)
		if err != nil {
			checkFaults(t, environ, err.Error())
			return
		}
		if config.Lease <= 0 || config.Timeout <= 0 || config.BackoffMin <= 0 || config.BackoffMax < config.BackoffMin ||
			config.MaxEventBytes < 1 || config.Concurrency < 1 || config.MaxDeliveries < 1 || config.Stream == "" {
			t.Errorf("%q gives %+v, which cannot be run", environ, config)
		}
	})
}

func checkFaults(t *testing.T, environ []string, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		name, fault, _ := strings.Cut(line, ": ")
		if fault == "" || !strings.HasPrefix(name, prefix) || strings.IndexFunc(line, unicode.IsControl) >= 0 {
			t.Errorf("%q: got a line that names no variable, or is no text: %q", environ, line)
		}
		if name == prefix+"REDIS_URL" && strings.Contains(fault, "hunter2") {
			t.Errorf("%q: got a line that shows the password: %q", environ, line)
		}
	}
}
