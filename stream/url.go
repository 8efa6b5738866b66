package stream

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// topology is how many servers of which role stand behind a URL.
type topology int

const (
	single topology = iota
	socket
	cluster
	sentinel
)

// schemeForm says what a URL with a scheme means and which parameters it takes.
type schemeForm struct {
	topology   topology
	tls        bool
	form       string
	parameters []string
}

var (
	tlsParameters      = []string{"tls_ca", "tls_cert", "tls_key", "tls_server_name"}
	sentinelParameters = []string{"master", "sentinel_username", "sentinel_password"}
)

// schemeForms are the URLs that Open accepts, user:password@ being optional in each.
var schemeForms = map[string]schemeForm{
	"redis":         {single, false, "redis://user:password@host:6379/0", nil},
	"rediss":        {single, true, "rediss://user:password@host:6379/0?tls_ca=/file", tlsParameters},
	"unix":          {socket, false, "unix:///path/redis.sock?db=0", []string{"db"}},
	"redis-cluster": {cluster, false, "redis-cluster://user:password@host1:6379,host2:6379", nil},
	"rediss-cluster": {
		cluster, true, "rediss-cluster://user:password@host1:6379,host2:6379?tls_ca=/file", tlsParameters,
	},
	"redis-sentinel": {
		sentinel, false, "redis-sentinel://user:password@host1:26379,host2:26379/0?master=name", sentinelParameters,
	},
	"rediss-sentinel": {
		sentinel, true, "rediss-sentinel://user:password@host1:26379,host2:26379/0?master=name&tls_ca=/file",
		slices.Concat(sentinelParameters, tlsParameters),
	},
}

// server is a parsed URL.
type server struct {
	schemeForm
	scheme     string
	hosts      []string
	username   string
	password   string
	database   int
	parameters url.Values
}

var errUserInfo = errors.New("a user name or password with one of @ / ? # % in it must be percent-encoded " +
	"(%40 %2F %3F %23 %25)")

// parseURL reads a URL by hand: net/url takes one host only, and its errors repeat the URL with the password in it.
// Errors name the place and never the text of what was found, since a password that is not encoded may stand anywhere.
func parseURL(text string) (server, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	form, known := schemeForms[scheme]
	if !known {
		return server{}, fmt.Errorf("unknown scheme; accepted are %s", acceptedForms())
	}
	address, query, _ := strings.Cut(rest, "?")
	authority, path := address, ""
	if slash := strings.IndexByte(address, '/'); slash >= 0 {
		authority, path = address[:slash], address[slash:]
	}
	if strings.Contains(path, "@") || strings.Contains(query, "@") {
		return server{}, errUserInfo
	}
	s := server{schemeForm: form, scheme: scheme}
	hosts, err := s.takeUser(authority)
	if err != nil {
		return server{}, err
	}
	if err := s.takeParameters(query); err != nil {
		return server{}, err
	}
	if s.topology == socket {
		err = s.takeSocket(hosts, path)
	} else if err = s.takeHosts(hosts); err == nil {
		err = s.takeDatabase(strings.TrimPrefix(path, "/"))
	}
	return s, err
}

// acceptedForms lists the forms of URLs in a fixed order.
func acceptedForms() string {
	forms := make([]string, 0, len(schemeForms))
	for _, scheme := range slices.Sorted(maps.Keys(schemeForms)) {
		forms = append(forms, schemeForms[scheme].form)
	}
	return strings.Join(forms, ", ")
}

// takeUser takes user:password@ off the authority and returns the hosts.
func (s *server) takeUser(authority string) (hosts string, err error) {
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return authority, nil
	}
	username, password, _ := strings.Cut(authority[:at], ":")
	if s.username, err = url.PathUnescape(username); err != nil {
		return "", errUserInfo
	}
	if s.password, err = url.PathUnescape(password); err != nil {
		return "", errUserInfo
	}
	if s.password == "" {
		// The library would send neither, and Redis would take the connection for the default user's.
		return "", errors.New("no password before the @: expected user:password@ or :password@")
	}
	return authority[at+1:], nil
}

var parameterName = regexp.MustCompile(`^[a-z_]{1,32}$`)

// takeParameters reads the query; every parameter must be one that the scheme takes, and stand once.
func (s *server) takeParameters(query string) (err error) {
	if s.parameters, err = url.ParseQuery(query); err != nil {
		return errors.New("a parameter is not percent-encoded as it should be")
	}
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		if !slices.Contains(s.schemeForm.parameters, name) {
			return fmt.Errorf("unknown parameter%s; %s:// accepts %s", quoteName(name), s.scheme, s.acceptedParameters())
		}
		if len(s.parameters[name]) > 1 || s.parameters.Get(name) == "" {
			return fmt.Errorf("parameter %s: expected one value", name)
		}
	}
	if s.topology == sentinel && !s.parameters.Has("master") {
		return errors.New("parameter master is missing: the name of the master that the sentinels watch")
	}
	return nil
}

// quoteName quotes what can be a parameter's name and hides everything else, which may be part of a password.
func quoteName(name string) string {
	if !parameterName.MatchString(name) {
		return ""
	}
	return " " + strconv.Quote(name)
}

func (s *server) acceptedParameters() string {
	if len(s.schemeForm.parameters) == 0 {
		return "none"
	}
	return strings.Join(s.schemeForm.parameters, ", ")
}

// takeSocket reads the path of a Unix socket, and its database from the parameter db.
func (s *server) takeSocket(hosts, path string) error {
	if hosts != "" || path == "" {
		return errors.New("expected three slashes and the path of the socket, as in unix:///path/redis.sock")
	}
	socketPath, err := url.PathUnescape(path)
	if err != nil {
		return errors.New("the path of the socket is not percent-encoded as it should be")
	}
	s.hosts = []string{socketPath}
	return s.takeDatabase(s.parameters.Get("db"))
}

// takeHosts reads host:port, or several of them where the scheme stands for several servers.
func (s *server) takeHosts(list string) error {
	for position, host := range strings.Split(list, ",") {
		address, err := hostPort(host, s.defaultPort())
		if err != nil {
			return fmt.Errorf("host %d of the list: expected host:port with a port from 1 to 65535", position+1)
		}
		s.hosts = append(s.hosts, address)
	}
	if s.topology == single && len(s.hosts) > 1 {
		return fmt.Errorf("several hosts need %s-cluster:// or %s-sentinel://", s.scheme, s.scheme)
	}
	return nil
}

func (s *server) defaultPort() string {
	if s.topology == sentinel {
		return "26379"
	}
	return "6379"
}

// hostPort completes host by the port where it has none. An IPv6 address stands in brackets (RFC 3986, 3.2.2).
func hostPort(host, port string) (string, error) {
	name := host
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		name, port = host[:at], host[at+1:]
	}
	if inner, bracketed := strings.CutPrefix(name, "["); bracketed {
		var closed bool
		if name, closed = strings.CutSuffix(inner, "]"); !closed {
			return "", errors.New("a bracket that is not closed")
		}
	} else if strings.Contains(name, ":") {
		return "", errors.New("an IPv6 address without brackets")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || name == "" || strings.ContainsAny(name, " []") {
		return "", errors.New("no host and port")
	}
	return net.JoinHostPort(name, port), nil
}

// takeDatabase reads the number of the database; none means 0.
func (s *server) takeDatabase(text string) error {
	if text == "" {
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return errors.New("the database is not a number: expected one such as 0")
	}
	if s.topology == cluster && number != 0 {
		return errors.New("a Redis Cluster has database 0 only")
	}
	s.database = int(number)
	return nil
}

// connect returns the library's client for the servers of the URL.
func (s *server) connect(options *redis.UniversalOptions) redis.UniversalClient {
	options.Addrs = s.hosts
	options.Username, options.Password = s.username, s.password
	options.DB = s.database
	switch s.topology {
	case cluster:
		return newClusterClient(options.Cluster())
	case sentinel:
		options.MasterName = s.parameters.Get("master")
		options.SentinelUsername = s.parameters.Get("sentinel_username")
		options.SentinelPassword = s.parameters.Get("sentinel_password")
		return redis.NewFailoverClient(options.Failover())
	default:
		return redis.NewClient(options.Simple())
	}
}

// String is the URL without user name, password and TLS parameters.
func (s *server) String() string {
	switch hosts := strings.Join(s.hosts, ","); s.topology {
	case socket:
		return fmt.Sprintf("unix://%s?db=%d", hosts, s.database)
	case cluster:
		return fmt.Sprintf("%s://%s", s.scheme, hosts)
	case sentinel:
		return fmt.Sprintf("%s://%s/%d?master=%s", s.scheme, hosts, s.database, s.parameters.Get("master"))
	default:
		return fmt.Sprintf("%s://%s/%d", s.scheme, hosts, s.database)
	}
}
