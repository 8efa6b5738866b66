package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/internal/command"
	"github.com/millrace/millrace/stream"
)

// prefix begins the name of every variable.
const prefix = "MILLRACE_"

// settings are the variables, as they are read: what an empty or missing one means stands in its tag.
type settings struct {
	RedisURL      string        `env:"REDIS_URL"`
	EmbeddedAddr  string        `env:"EMBEDDED_ADDR" envDefault:"127.0.0.1:6379"`
	Stream        string        `env:"STREAM" envDefault:"event_stream"`
	HandlersFile  string        `env:"HANDLERS_FILE"`
	Handlers      nameList      `env:"HANDLERS"`
	Consumer      string        `env:"CONSUMER"`
	Lease         time.Duration `env:"LEASE" envDefault:"30s"`
	MaxDeliveries int           `env:"MAX_DELIVERIES" envDefault:"16"`
	BackoffMin    time.Duration `env:"BACKOFF_MIN" envDefault:"1s"`
	BackoffMax    time.Duration `env:"BACKOFF_MAX" envDefault:"10m"`
	Timeout       time.Duration `env:"TIMEOUT" envDefault:"60s"`
	Concurrency   int           `env:"CONCURRENCY" envDefault:"16"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"25s"`
	Retention     time.Duration `env:"RETENTION" envDefault:"24h"`
	MaxEventBytes byteCount     `env:"MAX_EVENT_BYTES" envDefault:"1MiB"`
	HeldBytes     byteCount     `env:"HELD_BYTES" envDefault:"16MiB"`
	HTTPAddr      string        `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	HTTPToken     string        `env:"HTTP_TOKEN"`
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat     string        `env:"LOG_FORMAT"`
}

// readConfig reads the variables of environ, which is in the form of os.Environ. The error holds every fault, each with
// its variable; what the faulty ones would have set has its default in the configuration then. The warnings name
// variables with the prefix that nothing reads.
func readConfig(environ []string) (config command.Config, warnings []string, err error) {
	values := env.ToMap(environ)
	read, unreadable := parseSettings(values)
	check := checker{values: values, faults: unreadable}
	check.all(&read)
	return read.config(), unknownVariables(values), check.err()
}

func (s *settings) config() command.Config {
	level, _ := zapcore.ParseLevel(s.LogLevel) // checked, or info
	return command.Config{
		RedisURL:      s.RedisURL,
		EmbeddedAddr:  s.EmbeddedAddr,
		Stream:        s.Stream,
		HandlersFile:  s.HandlersFile,
		Handlers:      s.Handlers,
		Consumer:      s.Consumer,
		Lease:         s.Lease,
		MaxDeliveries: s.MaxDeliveries,
		BackoffMin:    s.BackoffMin,
		BackoffMax:    s.BackoffMax,
		Timeout:       s.Timeout,
		Concurrency:   s.Concurrency,
		ShutdownGrace: s.ShutdownGrace,
		Retention:     s.Retention,
		MaxEventBytes: int(s.MaxEventBytes),
		HeldBytes:     int(s.HeldBytes),
		HTTPAddr:      s.HTTPAddr,
		HTTPToken:     s.HTTPToken,
		LogLevel:      level,
		LogFormat:     s.LogFormat,
	}
}

// parseSettings reads what can be read without looking at what it means. A variable that cannot be read is left at its
// default and named in faults.
func parseSettings(values map[string]string) (settings, map[string]error) {
	faults := map[string]error{}
	read, err := parse(values)
	if several, isSeveral := errors.AsType[env.AggregateError](err); isSeveral {
		for _, single := range several.Errors {
			if fault, isFault := errors.AsType[env.ParseError](single); isFault {
				faults[variableOf(fault.Name)] = fault.Err
			}
		}
		readable := maps.Clone(values)
		maps.DeleteFunc(readable, func(name, _ string) bool { return faults[name] != nil })
		read, err = parse(readable)
	}
	if err != nil {
		faults[prefix] = err // a fault of the struct above, which the tests would show
	}
	return read, faults
}

func parse(values map[string]string) (settings, error) {
	return env.ParseAsWithOptions[settings](env.Options{
		Environment: values,
		Prefix:      prefix,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): parseDuration,
			reflect.TypeFor[int]():           parseWhole,
		},
	})
}

// variableOf is the variable that fills a field of settings.
func variableOf(field string) string {
	found, _ := reflect.TypeFor[settings]().FieldByName(field)
	return prefix + found.Tag.Get("env")
}

// variables are the names of all variables, in the order of settings.
func variables() []string {
	fields := reflect.VisibleFields(reflect.TypeFor[settings]())
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = variableOf(field.Name)
	}
	return names
}

func parseDuration(text string) (any, error) {
	duration, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || strings.TrimSpace(text) == "0" {
		return nil, fmt.Errorf("expected a duration such as 30s, 5m or 24h, got %s", quote(text))
	}
	return duration, nil
}

func parseWhole(text string) (any, error) {
	number, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("expected a whole number, got %s", quote(text))
	}
	return number, nil
}

// nameList is a list of handlers, with commas between them.
type nameList []string

// UnmarshalText reads the list; spaces around a name and empty names are passed over.
func (l *nameList) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		if name = strings.TrimSpace(name); name != "" {
			*l = append(*l, name)
		}
	}
	return nil
}

// byteCount is a number of bytes.
type byteCount int

var byteForm = regexp.MustCompile(`^([0-9]{1,12}) ?(|B|KiB|MiB|GiB)$`)

// UnmarshalText reads 1048576, 512KiB or 1MiB.
func (b *byteCount) UnmarshalText(text []byte) error {
	found := byteForm.FindStringSubmatch(strings.TrimSpace(string(text)))
	if found == nil {
		return fmt.Errorf("expected a number of bytes such as 1048576, 512KiB or 1MiB, got %s", quote(string(text)))
	}
	number, err := strconv.ParseInt(found[1], 10, 64)
	units := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	*b = byteCount(number * units[found[2]])
	return err
}

// checker looks at what the variables mean and collects what is wrong with them.
type checker struct {
	values map[string]string
	faults map[string]error // by variable
}

// What a variable may ask for. The limits are far beyond every use: they catch slips, such as an `h` for an `s`.
const (
	day       = 24 * time.Hour
	mostWhole = 1000
	kibibyte  = 1 << 10
	mebibyte  = 1 << 20
	gibibyte  = 1 << 30
)

func (c *checker) all(s *settings) {
	c.redisURL(s)
	c.expect("EMBEDDED_ADDR", checkLoopback(s.EmbeddedAddr))
	_, err := stream.NewKeys(s.Stream)
	c.expect("STREAM", err)
	for _, name := range s.Handlers {
		c.expect("HANDLERS", stream.CheckGroup(name))
	}
	c.expect("CONSUMER", checkConsumer(s.Consumer))
	c.within("LEASE", s.Lease, time.Second, day)
	c.whole("MAX_DELIVERIES", s.MaxDeliveries)
	c.within("BACKOFF_MIN", s.BackoffMin, time.Millisecond, day)
	c.within("BACKOFF_MAX", s.BackoffMax, s.BackoffMin, 30*day)
	c.within("TIMEOUT", s.Timeout, time.Millisecond, day)
	c.whole("CONCURRENCY", s.Concurrency)
	c.within("SHUTDOWN_GRACE", s.ShutdownGrace, time.Millisecond, day)
	c.within("RETENTION", s.Retention, time.Second, 10*365*day)
	if s.MaxEventBytes < kibibyte || s.MaxEventBytes > gibibyte/2 {
		c.expect("MAX_EVENT_BYTES", fmt.Errorf("expected 1KiB to 512MiB, got %s", quote(c.values[prefix+"MAX_EVENT_BYTES"])))
	}
	if s.HeldBytes < mebibyte || s.HeldBytes > 64*gibibyte {
		c.expect("HELD_BYTES", fmt.Errorf("expected 1MiB to 64GiB, got %s", quote(c.values[prefix+"HELD_BYTES"])))
	}
	c.expect("HTTP_ADDR", checkAddress(s.HTTPAddr, "127.0.0.1:8080"))
	c.expect("HTTP_TOKEN", checkToken(s.HTTPToken))
	c.oneOf("LOG_LEVEL", s.LogLevel, "debug", "info", "warn", "error")
	c.oneOf("LOG_FORMAT", cmp.Or(s.LogFormat, "json"), "console", "json")
	if c.faults[prefix+"LOG_LEVEL"] != nil {
		s.LogLevel = "info"
	}
}

// redisURL has the URL read by what will use it. Its errors say nothing of the URL's secrets.
func (c *checker) redisURL(s *settings) {
	if s.RedisURL == "" {
		return
	}
	client, err := stream.Open(stream.Options{URL: s.RedisURL})
	if err != nil {
		c.expect("REDIS_URL", cmp.Or(errors.Unwrap(err), err))
		return
	}
	_ = client.Close() // nothing was dialed
}

// expect notes a fault, unless there is a simpler one of that variable already.
func (c *checker) expect(variable string, fault error) {
	if name := prefix + variable; fault != nil && c.faults[name] == nil {
		c.faults[name] = fault
	}
}

func (c *checker) within(variable string, got, least, most time.Duration) {
	if got < least || got > most {
		c.expect(variable, fmt.Errorf("expected %s to %s, got %s",
			command.Spell(least), command.Spell(most), command.Spell(got)))
	}
}

func (c *checker) whole(variable string, got int) {
	if got < 1 || got > mostWhole {
		c.expect(variable, fmt.Errorf("expected 1 to %d, got %d", mostWhole, got))
	}
}

func (c *checker) oneOf(variable, got string, accepted ...string) {
	if !slices.Contains(accepted, got) {
		c.expect(variable, fmt.Errorf("expected %s, got %s", strings.Join(accepted, ", "), quote(got)))
	}
}

// err is every fault, in the order of settings.
func (c *checker) err() error {
	var all []error
	for _, name := range append(variables(), prefix) {
		if fault := c.faults[name]; fault != nil {
			all = append(all, fmt.Errorf("%s: %w", name, fault))
		}
	}
	return errors.Join(all...)
}

func checkConsumer(name string) error {
	const most = 200
	if len(name) > most || strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return fmt.Errorf("expected at most %d letters, digits or punctuation without spaces, got %s", most, quote(name))
	}
	return nil
}

// checkToken accepts none, or one that nobody guesses and that can stand in a header. Its error does not show it.
func checkToken(token string) error {
	const least, most = 16, 512
	isPlain := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if token != "" && (!isPlain || len(token) < least || len(token) > most) {
		return fmt.Errorf("expected %d to %d letters, digits or punctuation without spaces, such as `openssl rand -hex 32` prints",
			least, most)
	}
	return nil
}

// checkAddress accepts host:port; the host may be empty.
func checkAddress(address, example string) error {
	_, port, err := net.SplitHostPort(address)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("expected a host and a port such as %s, got %s", example, quote(address))
	}
	return nil
}

// checkLoopback accepts what this machine alone can reach: the embedded server knows no passwords.
func checkLoopback(address string) error {
	if err := checkAddress(address, "127.0.0.1:6379"); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return fmt.Errorf("expected 127.0.0.1, ::1 or localhost, since the embedded server has no password, got %s; "+
			"for more, run a real Redis and set %sREDIS_URL", quote(address), prefix)
	}
	return nil
}

// serviceLink is a variable that Kubernetes sets for a Service whose name begins with millrace (Kubernetes, "Discovering
// services": environment variables).
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknownVariables says which variables with our prefix nothing reads. It is no fault: other programs may use the prefix
// too.
func unknownVariables(values map[string]string) []string {
	known := variables()
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		warning := quote(name) + " is no variable that is read"
		if nearest := stream.Nearest(name, known); nearest != "" {
			warning += ": did you mean " + nearest + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// quote prints what a variable holds so that it stays short and on one line.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strconv.QuoteToGraphic(text)
}
