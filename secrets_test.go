package main_test

import (
	"net/url"
	"strings"
	"testing"
)

// What must not come out of any run of the program. The passwords hold what has to be escaped in a URL; the payload is in
// every order.
const (
	plantedPassword = "planted/password:#1"
	plantedSentinel = "planted@sentinel?2"
	plantedPayload  = "planted payload 3"
)

// withPassword puts the planted password into a Redis URL. A server without passwords takes any.
func withPassword(address string) string {
	return strings.Replace(address, "//", "//default:"+url.QueryEscape(plantedPassword)+"@", 1)
}

// keepsPasswords fails where one of the passwords stands in text, as it is or as a URL has it.
func keepsPasswords(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{plantedPassword, plantedSentinel} {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), secret[:len("planted/pass")]} {
			if strings.Contains(text, form) {
				t.Errorf("%s tells the secret %q:\n%s", what, form, text)
			}
		}
	}
}

// keepsSecrets is for what nobody has asked for the payload: everything but the commands that show events.
func keepsSecrets(t *testing.T, what, text string) {
	t.Helper()
	keepsPasswords(t, what, text)
	if strings.Contains(text, plantedPayload) {
		t.Errorf("%s tells a payload:\n%s", what, text)
	}
}

// TestSecretsAtDebugLevel runs into whatever can go wrong with everything logged. The harness looks through what is
// printed.
func TestSecretsAtDebugLevel(t *testing.T) {
	s := newShop(t)
	s.env = append(s.env, "MILLRACE_LOG_LEVEL=debug", "MILLRACE_MAX_EVENT_BYTES=2000", "MILLRACE_MAX_DELIVERIES=2", "MILLRACE_BACKOFF_MAX=1s")
	service := s.run()
	s.until("it is ready", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	for _, data := range []string{
		plantedPayload,
		`{"order_id":1,"` + plantedPayload,
		`{"order_id":1,"items":"` + plantedPayload + `"}`,
		`{"order_id":1,"items":[{"product_id":1,"quantity":"` + plantedPayload + `"}]}`,
		`{"order_id":{"a":"` + plantedPayload + `"}}`,
		`["` + plantedPayload + `"]`,
		orderData(1) + plantedPayload,
		strings.Repeat(plantedPayload, 200),
	} {
		s.redis.CLI("XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", data)
		s.redis.CLI("XADD", "event_stream", "*", "event", "UNWANTED", "data", data)
		s.redis.CLI("XADD", "event_stream", "*", "nameless", data)
		s.millrace("publish", "NEW_ORDER_RECEIVED", data)
	}
	s.order(2)
	s.until("the last order is done", func() bool { return len(s.files("label-2*.pdf")) == 1 })
	s.until("the faulty are dead letters", func() bool { return strings.Contains(service.logged(), "undecodable") })
	s.redis.Kill()
	s.until("readiness tells", func() bool { status, _ := service.get("/readyz"); return status == 503 })
	for _, page := range []string{"/", "/readyz", "/livez", "/metrics"} {
		_, body := service.get(page)
		keepsSecrets(t, page, body)
	}
	s.millrace("groups")
	s.redis.Restart()
	s.until("it is ready again", func() bool { status, _ := service.get("/readyz"); return status == 200 })
	service.terminate(s)
}

// TestSecretsOfARefusedUser runs with a password that the server refuses, and with sentinels that are not there.
func TestSecretsOfARefusedUser(t *testing.T) {
	s := newShop(t)
	s.redis.CLI("ACL", "SETUSER", "known", "on", ">another")
	sentinels := "redis-sentinel://default:" + url.QueryEscape(plantedPassword) + "@" + s.redis.Addr() + ",127.0.0.1:1/0?master=shop" +
		"&sentinel_username=default&sentinel_password=" + url.QueryEscape(plantedSentinel)
	s.env = append(s.env, "MILLRACE_LOG_LEVEL=debug")
	for _, address := range []string{strings.Replace(withPassword(s.redis.URL()), "default", "known", 1), sentinels} {
		env := "MILLRACE_REDIS_URL=" + address
		service := s.run(env)
		s.until("an error is logged", func() bool {
			return strings.Contains(service.logged(), `"level":"error"`) || strings.Contains(service.logged(), `"level":"warn"`)
		})
		_, body := service.get("/readyz")
		keepsSecrets(t, "/readyz", body)
		service.terminate(s)
		s.env = append(s.env, env)
		for _, args := range [][]string{{"groups"}, {"check"}, {"check", "-o", "json"}, {"publish", "E", plantedPayload, "--raw"}} {
			s.millrace(args...)
		}
	}
}

// TestSecretsOfAFaultyURL shows that the error names the fault and nothing else.
func TestSecretsOfAFaultyURL(t *testing.T) {
	s := newShop(t)
	for _, address := range []string{
		"redis://default:" + plantedPassword + "@host:6379", // not escaped
		"redis://default:" + url.QueryEscape(plantedPassword) + "@host:port",
		"redis://default:" + url.QueryEscape(plantedPassword) + "@host:6379/x",
		"rediss://default:" + url.QueryEscape(plantedPassword) + "@host:6379?tls_ca=/no/such/file",
		"redis-sentinel://default:" + url.QueryEscape(plantedPassword) + "@host?sentinel_password=" + url.QueryEscape(plantedSentinel),
		"redis-sentinel://host?master=m&unknown=" + url.QueryEscape(plantedSentinel),
		"http://default:" + url.QueryEscape(plantedPassword) + "@host",
		"default:" + plantedPassword + "@host:6379",
		"redis://default:%zz" + plantedPassword + "@host:6379",
		"redis://default:" + plantedPassword + "\x01@host:6379",
	} {
		s.env = append(s.env, "MILLRACE_REDIS_URL="+address)
		for _, args := range [][]string{{"run"}, {"groups"}, {"check"}} {
			if output, exit := s.millrace(args...); exit == 0 {
				t.Errorf("%q with a faulty URL: exit 0\n%s", args, output)
			}
		}
	}
}
