package webhook_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/webhook"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"http://127.0.0.1:9000/points", "https://shop.example", "http://points", "http://[::1]:80/", "http://10.0.0.7/x?token=a",
		"http://[fd12::1]/", "https://shop.example:8443/a%20b",
	} {
		if err := webhook.CheckURL(good); err != nil {
			t.Errorf("CheckURL(%q) = %v, want nil", good, err)
		}
	}
	tests := []struct{ url, want string }{
		{"", "expected a URL such as"},
		{"shop.example/secret", "begins with http:// or https://"},
		{"shop.example:80", "expected a URL such as"},
		{"ftp://shop.example/secret", `got the scheme "ftp"`},
		{"http:///secret", "a URL with a host"},
		{"http://:80/secret", "a URL with a host"},
		{"http://a:b/secret", "expected a URL such as"},
		{"http://a:70000/secret", "a port from 1 to 65535"},
		{"http://a:0/secret", "a port from 1 to 65535"},
		{"http://me:secret@a/", "user or password"},
		{"http://me@a/", "user or password"},
		{"http://a/#secret", "behind #"},
		{"http://a/secret\x00", "expected a URL such as"},
		{"http://a/%zzsecret", "expected a URL such as"},
		{"http://169.254.169.254/secret", "169.254.169.254 is refused"},
		{"http://[fe80::1%25eth0]/secret", "fe80::1 is refused"},
		{"http://[::ffff:169.254.0.1]/", "169.254.0.1 is refused"},
		{"http://[64:ff9b::a9fe:a9fe]/", "169.254.169.254 is refused"},
		{"http://[fd00:ec2::254]/", "fd00:ec2::254 is refused"},
		{"http://[fd20:ce::254]/", "fd20:ce::254 is refused"},
		{"http://100.100.100.200/", "100.100.100.200 is refused"},
		{"http://168.63.129.16/", "168.63.129.16 is refused"},
		{"http://224.0.0.1/", "224.0.0.1 is refused"},
	}
	for _, test := range tests {
		err := webhook.CheckURL(test.url)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("CheckURL(%q) = %v, want %q and nothing secret", test.url, err, test.want)
		}
	}
}

// TestEveryFaultAtOnce also shows that no secret stands in an error.
func TestEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := webhook.New(webhook.Options{
		URL: "ftp://a/hidden", Source: "a b", Secrets: "whsec_hidden", Token: "hidden\n", CA: []byte("hidden"), Body: "{{.Data",
		ContentType: "json", Concurrency: -1,
		Headers: map[string]string{"A B": "x", "X-A": "hidden\r\nB: c", "Ce-Id": "x", "authorization": "hidden", "host": "x"},
	})
	if err == nil {
		t.Fatal("New without one good option: got nil")
	}
	for _, want := range []string{
		"webhook: url: ", "\nsource: ", "\nsecret: number 1 of 1: ", "\ntoken: ", "\nca_file: ", "\nbody: ", "\ncontent_type: ",
		"\nconcurrency: ", "\nheaders: \"A B\": expected a header's name", "\nheaders: \"X-A\": ", "headers: \"Ce-Id\": is written", "headers: \"host\": is written",
		"token_env",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New says nothing of %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("New repeats a secret:\n%v", err)
	}
}
