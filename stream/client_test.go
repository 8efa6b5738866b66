package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/redis/go-redis/v9"
)

// password is planted wherever one can stand: no error may show it, or a part of it.
const password = "pl4nted/s3cret@?#%"

// encoded is the password as it has to stand in a URL.
var encoded = url.PathEscape(password)

// checkNoSecret ends the test where text shows some of the password.
func checkNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, part := range []string{"pl4nted", "s3cret"} {
		if strings.Contains(text, part) {
			t.Errorf("%s shows the password: %s", what, text)
		}
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // URL to address
		"redis://localhost":                                         "redis://localhost:6379/0",
		"redis://localhost/":                                        "redis://localhost:6379/0",
		"redis://user:" + encoded + "@localhost:1/3":                "redis://localhost:1/3",
		"redis://:p@ss@localhost":                                   "redis://localhost:6379/0",
		"redis://[::1]":                                             "redis://[::1]:6379/0",
		"redis://[::1]:7":                                           "redis://[::1]:7/0",
		"rediss://h/1?tls_server_name=n":                            "rediss://h:6379/1",
		"unix:///run/redis.sock":                                    "unix:///run/redis.sock?db=0",
		"unix://u:p@/run/my%20redis.sock?db=2":                      "unix:///run/my redis.sock?db=2",
		"redis-cluster://a,b:1":                                     "redis-cluster://a:6379,b:1",
		"redis-cluster://u:p@a/0":                                   "redis-cluster://a:6379",
		"rediss-cluster://a?tls_server_name=n":                      "rediss-cluster://a:6379",
		"redis-sentinel://a,b:1/2?master=m":                         "redis-sentinel://a:26379,b:1/2?master=m",
		"redis-sentinel://u:p@a?master=m&sentinel_password=" + "p":  "redis-sentinel://a:26379/0?master=m",
		"rediss-sentinel://a?master=m&tls_server_name=n":            "rediss-sentinel://a:26379/0?master=m",
		"redis-sentinel://a?sentinel_username=u&master=my%20master": "redis-sentinel://a:26379/0?master=my master",
	}
	for text, want := range tests {
		client, err := Open(Options{URL: text})
		if err != nil {
			t.Errorf("Open(%q): %v", text, err)
			continue
		}
		if got := client.Address(); got != want {
			t.Errorf("Open(%q): Address %q, want %q", text, got, want)
		}
		if err := client.Close(); err != nil {
			t.Errorf("Open(%q): Close: %v", text, err)
		}
	}
}

func TestParseURLTakesTheUser(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"redis://us%40er:" + encoded + "@h": "us@er", "redis://:" + encoded + "@h": "",
		"unix://u:" + encoded + "@/s": "u", "redis-cluster://u:" + encoded + "@h,i": "u",
	}
	for text, user := range tests {
		got, err := parseURL(text)
		if err != nil || got.username != user || got.password != password {
			t.Errorf("parseURL(%q) = user %q, password %q, %v, want %q, %q", text, got.username, got.password, err, user, password)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	empty := filepath.Join(here, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	secret := "user:" + encoded + "@"
	tests := map[string]struct{ url, words string }{
		"nothing":                {"", "redis-sentinel://user:password@"},
		"no scheme":              {secret + "localhost:6379", "unknown scheme"},
		"unknown scheme":         {"http://" + secret + "h", "accepted are redis"},
		"password not encoded":   {"redis://u:" + password + "@h", "%40"},
		"password with a slash":  {"redis://u:pl4nted/s3cret@h", "percent-encoded"},
		"password with a query":  {"redis://u:pl4nted?s3cret@h", "percent-encoded"},
		"password with a %":      {"redis://u:pl4nted%s3cret@h", "percent-encoded"},
		"user without password":  {"redis://pl4nted@h", "no password"},
		"bad port":               {"redis://" + secret + "h:port", "host 1"},
		"port 0":                 {"redis://" + secret + "h:0", "host 1"},
		"port too high":          {"redis://" + secret + "h:65536", "host 1"},
		"no host":                {"redis://" + secret, "host 1"},
		"second host empty":      {"redis-cluster://" + secret + "a,", "host 2"},
		"IPv6 without brackets":  {"redis://::1", "host 1"},
		"IPv6 bracket left open": {"rediss://[::1", "host 1"},
		"two hosts":              {"redis://" + secret + "a,b", "redis-cluster://"},
		"bad database":           {"redis://" + secret + "h/s3cret", "database"},
		"cluster with database":  {"redis-cluster://" + secret + "a/1", "database 0 only"},
		"unix with host":         {"unix://pl4nted", "three slashes"},
		"unknown parameter":      {"redis://" + secret + "h?skip_verify=pl4nted", `"skip_verify"; redis:// accepts none`},
		"no way round TLS":       {"rediss://" + secret + "h?tls_skip_verify=1", "tls_ca, tls_cert, tls_key, tls_server_name"},
		"odd parameter":          {"redis://h?pl4nted=1", "unknown parameter;"},
		"TLS without TLS":        {"redis://" + secret + "h?tls_ca=/x", `"tls_ca"`},
		"parameter twice":        {"unix:///s?db=1&db=2", "parameter db: expected one value"},
		"parameter empty":        {"rediss://h?tls_ca=", "parameter tls_ca"},
		"broken parameter":       {"unix:///s?db=%s3cret", "percent-encoded"},
		"sentinel, no master":    {"redis-sentinel://" + secret + "h", "master is missing"},
		"sentinel password":      {"redis-sentinel://h?master=m&sentinel_password=pl4nted@s3cret", "percent-encoded"},
		"authorities not there":  {"rediss://" + secret + "h?tls_ca=" + here + "/none.pem", "none.pem"},
		"authorities empty":      {"rediss://" + secret + "h?tls_ca=" + empty, "no certificate in PEM form"},
		"certificate, no key":    {"rediss://" + secret + "h?tls_cert=" + empty, "both are needed"},
		"certificate and no PEM": {"rediss://" + secret + "h?tls_cert=" + empty + "&tls_key=" + empty, "tls_cert and tls_key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(Options{URL: test.url})
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("Open(%q): error %v, want one with %q", test.url, err, test.words)
			}
			checkNoSecret(t, "Open's error", err.Error())
		})
	}
	if _, err := Open(Options{URL: "redis://h", Stream: "a b"}); err == nil || !strings.Contains(err.Error(), "stream name") {
		t.Errorf("Open of a stream with a space: error %v, want one that names it", err)
	}
}

// FuzzParseURL checks that no URL, however mangled, shows the password in an error.
func FuzzParseURL(f *testing.F) {
	for _, prefix := range []string{
		"redis://", "rediss://u:", "unix://", "redis-cluster://a,", "redis-sentinel://a?master=", "redis://h?tls_ca=", "redis://h/",
	} {
		f.Add(prefix, "@h:6379/0")
		f.Add(prefix, "")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.HasSuffix(before, "tls_ca=") || strings.Contains(before+after, "tls_") {
			return // the names of files are shown
		}
		if _, err := parseURL(before + password + after); err != nil {
			checkNoSecret(t, "parseURL's error", err.Error())
		}
	})
}

// checkPublishes opens url and publishes an event through it.
func checkPublishes(t *testing.T, url string) {
	t.Helper()
	client := open(t, url)
	publish(t, client, Event{Name: "E"}, PublishOptions{})
	if err := client.Redis().XGroupCreate(t.Context(), "event_stream", "g", "0").Err(); err != nil {
		t.Fatalf("XGROUP CREATE: %v", err)
	}
	group := groupOf(t, client)
	for _, want := range []int{1, 0} {
		if got, err := group.Read(t.Context(), 10, 10*time.Millisecond); len(got) != want || err != nil {
			t.Errorf("Read = %v, %v, want %d deliveries", got, err, want)
		}
	}
	checkNoSecret(t, "Address", client.Address())
}

func TestOpenSingle(t *testing.T) {
	t.Parallel()
	redistest.Each(t, checkPublishes)
}

func TestOpenSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	redistest.Start(t, "--unixsocket", path)
	checkPublishes(t, "unix://"+path+"?db=3")
}

func TestOpenDialer(t *testing.T) {
	t.Parallel()
	server := redistest.Memory(t)
	dialed := make(chan string, 10)
	client, err := Open(Options{URL: "redis://far.example:1", Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed <- network + " " + address
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, server.Addr())
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	publish(t, client, Event{Name: "E"}, PublishOptions{})
	if got := <-dialed; got != "tcp far.example:1" {
		t.Errorf("dialed %q, want tcp far.example:1", got)
	}
}

// user may do what a publisher needs and nothing else.
func addUser(server *redistest.Server) {
	server.CLI("acl", "setuser", "shop", "on", ">"+password, "~event_stream", "~{event_stream}:*", "+evalsha", "+eval", "+xadd",
		"+get", "+set", "+pexpire", "+xgroup", "+xreadgroup", "+hello", "+ping")
	server.CLI("acl", "setuser", "default", "off")
}

func TestOpenUser(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	addUser(server)
	checkPublishes(t, "redis://shop:"+encoded+"@"+server.Addr())
	tests := map[string]string{
		"wrong password": "redis://shop:wrong" + encoded + "@" + server.Addr(),
		"wrong user":     "redis://other:" + encoded + "@" + server.Addr(),
		"no user":        "redis://:" + encoded + "@" + server.Addr(),
		"nobody there":   "redis://shop:" + encoded + "@127.0.0.1:1",
		"no such host":   "redis://shop:" + encoded + "@no-such-host.invalid",
		"no socket":      "unix://shop:" + encoded + "@/no/such/socket",
		"no TLS there":   "rediss://shop:" + encoded + "@" + server.Addr(),
	}
	for name, url := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := open(t, url).Publish(ctx, Event{Name: "E"}, PublishOptions{})
		cancel()
		if err == nil {
			t.Errorf("%s: Publish: no error", name)
			continue
		}
		checkNoSecret(t, name, err.Error())
	}
}

// authority is a private certificate authority, its own certificate and one for 127.0.0.1 in files.
type authority struct {
	file, certificate, key string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	dir := t.TempDir()
	a := authority{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")}
	caKey, serverKey := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"redis.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	writePEM(t, a.file, "CERTIFICATE", sign(t, ca, ca, &caKey.PublicKey, caKey))
	writePEM(t, a.certificate, "CERTIFICATE", sign(t, server, ca, &serverKey.PublicKey, caKey))
	der, err := x509.MarshalECPrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.key, "EC PRIVATE KEY", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startTLS starts a server with TLS beside its plain port and returns the TLS one.
func startTLS(t *testing.T, a authority, clients string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", a.certificate, "--tls-key-file", a.key,
		"--tls-ca-cert-file", a.file, "--tls-auth-clients", clients)
	return address
}

func TestOpenTLS(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	address := startTLS(t, a, "no")
	checkPublishes(t, "rediss://"+address+"?tls_ca="+a.file)
	tests := map[string]struct{ url, words string }{
		"system's authorities": {"rediss://" + address, "unknown authority: name the file of its authority in the URL, as tls_ca"},
		"a stranger's":         {"rediss://" + address + "?tls_ca=" + stranger.file, ": it is by no authority in the file that tls_ca names"},
		"another host":         {"rediss://" + address + "?tls_server_name=other.test&tls_ca=" + a.file, "other.test"},
	}
	for name, test := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := open(t, test.url).Publish(ctx, Event{Name: "E"}, PublishOptions{})
		cancel()
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: Publish: error %v, want one with %q", name, err, test.words)
		}
	}
}

func TestOpenTLSWithClientCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	address := startTLS(t, a, "yes")
	named := "rediss://" + address + "?tls_server_name=redis.test&tls_ca=" + a.file
	checkPublishes(t, named+"&tls_cert="+a.certificate+"&tls_key="+a.key)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := open(t, named).Publish(ctx, Event{Name: "E"}, PublishOptions{}); err == nil {
		t.Error("Publish without the client certificate that the server wants: no error")
	}
}

func TestOpenCluster(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	checkPublishes(t, redistest.ClusterURL(servers))
	client := open(t, redistest.ClusterURL(servers[:1]))
	published := publish(t, client, Event{Name: "E", ID: "1"}, PublishOptions{})
	got, err := client.Publish(t.Context(), Event{Name: "E", ID: "1"}, PublishOptions{Wait: 1, WaitTimeout: time.Millisecond})
	if got.ID != published.ID || err == nil || !strings.Contains(err.Error(), "0 of 1") {
		t.Errorf("Publish with Wait 1 to servers without replicas = %+v, %v, want %s and 0 of 1", got, err, published.ID)
	}
}

// TestClusterSendsScriptsOnce swallows the reply to a script: the library's client for a Redis Cluster would send it
// again, and nobody would know that it ran twice.
func TestClusterSendsScriptsOnce(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	proxies := map[string]*redistest.Proxy{}
	for _, server := range servers {
		proxies[server.Addr()] = redistest.StartProxy(t, server.Addr())
	}
	client, err := Open(Options{
		URL: redistest.ClusterURL(servers),
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, proxies[address].Addr())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	add := script{source: `return redis.call('XADD', KEYS[1], '*', 'a', 'b')`}
	add.sha1 = client.Redis().ScriptLoad(t.Context(), add.source).Val()
	keys := []string{client.Keys().Stream()}
	if err := client.run(t.Context(), add, keys).Err(); err != nil {
		t.Fatalf("run: %v", err)
	}
	for _, proxy := range proxies {
		proxy.DropReplies(1)
	}
	if err := client.run(t.Context(), add, keys).Err(); err == nil {
		t.Error("run with its reply swallowed: no error")
	}
	for _, proxy := range proxies {
		proxy.Heal()
	}
	if got := len(entries(t, client)); got != 2 {
		t.Errorf("2 scripts, of which one had its reply swallowed, added %d entries, want 2", got)
	}
}

// TestReadBlockedNoticesADeadLink lets a blocked read's link fall silent.
func TestReadBlockedNoticesADeadLink(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	client := open(t, proxy.URL())
	publish(t, client, Event{Name: "E"}, PublishOptions{})
	client.Redis().XGroupCreate(t.Context(), "event_stream", "g", "$")
	read := func(block time.Duration) error {
		return client.readBlocked(t.Context(), 7, "XREADGROUP", "GROUP", "g", "c", "BLOCK", block.Milliseconds(),
			"STREAMS", "event_stream", ">").Err()
	}
	if err := read(10 * time.Millisecond); !errors.Is(err, redis.Nil) {
		t.Fatalf("readBlocked without news: error %v, want redis.Nil", err)
	}
	start := time.Now()
	if err := read(MaxBlock); !errors.Is(err, redis.Nil) {
		t.Fatalf("readBlocked for MaxBlock: error %v after %v, want redis.Nil", err, time.Since(start))
	}
	proxy.Blackhole()
	start = time.Now()
	err := read(MaxBlock)
	if took := time.Since(start); err == nil || took < MaxBlock || took > MaxBlock+blockedGrace+2*time.Second {
		t.Errorf("readBlocked on a silent link: error %v after %v, want one after %v", err, took, MaxBlock+blockedGrace)
	}
}

func TestOpenSentinel(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	host, port, _ := strings.Cut(master.Addr(), ":")
	sentinel := startSentinel(t, fmt.Sprintf("sentinel monitor shop %s %s 1\nrequirepass %q\n", host, port, password))
	checkPublishes(t, "redis-sentinel://"+sentinel+"/2?master=shop&sentinel_password="+url.QueryEscape(password))
	tests := map[string]string{
		"unknown master": "redis-sentinel://" + sentinel + "?master=other&sentinel_password=" + url.QueryEscape(password),
		"wrong password": "redis-sentinel://" + sentinel + "?master=shop&sentinel_password=x" + url.QueryEscape(password),
	}
	for name, url := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := open(t, url).Publish(ctx, Event{Name: "E"}, PublishOptions{})
		cancel()
		if err == nil {
			t.Errorf("%s: Publish: no error", name)
			continue
		}
		checkNoSecret(t, name, err.Error())
	}
}

// startSentinel starts a sentinel with the configuration and returns its address.
func startSentinel(t *testing.T, configuration string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	command := exec.Command("redis-sentinel", file, "--port", port, "--bind", "127.0.0.1")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	await(t, "the sentinel answers", func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
	return address
}
