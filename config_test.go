package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/internal/command"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := command.Config{
		EmbeddedAddr: "127.0.0.1:6379", Stream: "event_stream", Lease: 30 * time.Second, MaxDeliveries: 16,
		BackoffMin: time.Second, BackoffMax: 10 * time.Minute, Timeout: time.Minute, Concurrency: 16,
		ShutdownGrace: 25 * time.Second, Retention: 24 * time.Hour, MaxEventBytes: 1 << 20, HTTPAddr: "127.0.0.1:8080",
		LogLevel: zapcore.InfoLevel,
	}
	for _, environ := range [][]string{nil, {"HOME=/", "MILLRACE_LEASE=", "MILLRACE_STREAM=", "MILLRACE_MAX_EVENT_BYTES="}} {
		got, warnings, err := readConfig(environ)
		if err != nil || len(warnings) > 0 || !equal(got, want) {
			t.Errorf("readConfig(%q):\n got %+v, %q, %v\nwant %+v", environ, got, warnings, err, want)
		}
	}
}

func equal(a, b command.Config) bool {
	handlers := slices.Equal(a.Handlers, b.Handlers)
	a.Handlers, b.Handlers = nil, nil
	return handlers && a.RedisURL == b.RedisURL && a.EmbeddedAddr == b.EmbeddedAddr && a.Stream == b.Stream &&
		a.HandlersFile == b.HandlersFile && a.Consumer == b.Consumer && a.Lease == b.Lease &&
		a.MaxDeliveries == b.MaxDeliveries && a.BackoffMin == b.BackoffMin && a.BackoffMax == b.BackoffMax &&
		a.Timeout == b.Timeout && a.Concurrency == b.Concurrency && a.ShutdownGrace == b.ShutdownGrace &&
		a.Retention == b.Retention && a.MaxEventBytes == b.MaxEventBytes && a.HTTPAddr == b.HTTPAddr && a.HTTPToken == b.HTTPToken &&
		a.LogLevel == b.LogLevel && a.LogFormat == b.LogFormat
}

func TestEveryVariableIsRead(t *testing.T) {
	t.Parallel()
	got, warnings, err := readConfig([]string{
		"MILLRACE_REDIS_URL=rediss://user:hunter2@redis.example.com:6380/2", "MILLRACE_EMBEDDED_ADDR=[::1]:0",
		"MILLRACE_STREAM={shop}:events", "MILLRACE_HANDLERS_FILE=a.yaml", "MILLRACE_HANDLERS= a, b,,",
		"MILLRACE_CONSUMER=c", "MILLRACE_LEASE=1m30s", "MILLRACE_MAX_DELIVERIES=3", "MILLRACE_BACKOFF_MIN=2s",
		"MILLRACE_BACKOFF_MAX=2s", "MILLRACE_TIMEOUT=5s", "MILLRACE_CONCURRENCY=1", "MILLRACE_SHUTDOWN_GRACE=10s",
		"MILLRACE_RETENTION=72h", "MILLRACE_MAX_EVENT_BYTES=512KiB", "MILLRACE_HELD_BYTES=64MiB",
		"MILLRACE_HTTP_ADDR=:8080", "MILLRACE_HTTP_TOKEN=0123456789abcdef",
		"MILLRACE_LOG_LEVEL=debug", "MILLRACE_LOG_FORMAT=console",
	})
	want := command.Config{
		RedisURL: "rediss://user:hunter2@redis.example.com:6380/2", EmbeddedAddr: "[::1]:0", Stream: "{shop}:events",
		HandlersFile: "a.yaml", Handlers: []string{"a", "b"}, Consumer: "c", Lease: 90 * time.Second, MaxDeliveries: 3,
		BackoffMin: 2 * time.Second, BackoffMax: 2 * time.Second, Timeout: 5 * time.Second, Concurrency: 1,
		ShutdownGrace: 10 * time.Second, Retention: 72 * time.Hour, MaxEventBytes: 512 << 10, HeldBytes: 64 << 20,
		HTTPAddr: ":8080", HTTPToken: "0123456789abcdef",
		LogLevel: zapcore.DebugLevel, LogFormat: "console",
	}
	if err != nil || len(warnings) > 0 || !equal(got, want) {
		t.Errorf("got %+v, %q, %v\nwant %+v", got, warnings, err, want)
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := readConfig([]string{
		"MILLRACE_REDIS_URL=redis://user:hunter2@host:port", "MILLRACE_EMBEDDED_ADDR=0.0.0.0:6379", "MILLRACE_STREAM=a b",
		"MILLRACE_HANDLERS=a,b c", "MILLRACE_CONSUMER=two words", "MILLRACE_LEASE=30", "MILLRACE_MAX_DELIVERIES=0",
		"MILLRACE_BACKOFF_MIN=5m", "MILLRACE_BACKOFF_MAX=1m", "MILLRACE_TIMEOUT=-1s", "MILLRACE_CONCURRENCY=many",
		"MILLRACE_SHUTDOWN_GRACE=forever", "MILLRACE_RETENTION=1ms", "MILLRACE_MAX_EVENT_BYTES=1MB",
		"MILLRACE_HELD_BYTES=16KiB", "MILLRACE_HTTP_ADDR=8080", "MILLRACE_HTTP_TOKEN=hunter2", "MILLRACE_LOG_LEVEL=loud\nMILLRACE", "MILLRACE_LOG_FORMAT=xml",
	})
	if err == nil {
		t.Fatal("got no error")
	}
	const want = `MILLRACE_REDIS_URL: host 1 of the list: expected host:port with a port from 1 to 65535
MILLRACE_EMBEDDED_ADDR: expected 127.0.0.1, ::1 or localhost, since the embedded server has no password, got "0.0.0.0:6379"; for more, run a real Redis and set MILLRACE_REDIS_URL
MILLRACE_STREAM: stream name "a b": expected 1 to 256 letters, digits or punctuation without spaces
MILLRACE_HANDLERS: group name "b c": expected 1 to 64 of A-Z a-z 0-9 _ . -
MILLRACE_CONSUMER: expected at most 200 letters, digits or punctuation without spaces, got "two words"
MILLRACE_LEASE: expected a duration such as 30s, 5m or 24h, got "30"
MILLRACE_MAX_DELIVERIES: expected 1 to 1000, got 0
MILLRACE_BACKOFF_MAX: expected 5m to 720h, got 1m
MILLRACE_TIMEOUT: expected 1ms to 24h, got -1s
MILLRACE_CONCURRENCY: expected a whole number, got "many"
MILLRACE_SHUTDOWN_GRACE: expected a duration such as 30s, 5m or 24h, got "forever"
MILLRACE_RETENTION: expected 1s to 87600h, got 1ms
MILLRACE_MAX_EVENT_BYTES: expected a number of bytes such as 1048576, 512KiB or 1MiB, got "1MB"
MILLRACE_HELD_BYTES: expected 1MiB to 64GiB, got "16KiB"
MILLRACE_HTTP_ADDR: expected a host and a port such as 127.0.0.1:8080, got "8080"
MILLRACE_HTTP_TOKEN: expected 16 to 512 letters, digits or punctuation without spaces, such as ` + "`openssl rand -hex 32`" + ` prints
MILLRACE_LOG_LEVEL: expected debug, info, warn, error, got "loud\nMILLRACE"
MILLRACE_LOG_FORMAT: expected console, json, got "xml"`
	if got := err.Error(); got != want {
		t.Errorf("faults:\n got %s\nwant %s", got, want)
	}
}

func TestFaultyVariablesFallBack(t *testing.T) {
	t.Parallel()
	got, _, err := readConfig([]string{"MILLRACE_LEASE=x", "MILLRACE_TIMEOUT=5s"})
	if err == nil || got.Lease != 30*time.Second || got.Timeout != 5*time.Second {
		t.Errorf("got lease %v, timeout %v, %v", got.Lease, got.Timeout, err)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"1048576": 1 << 20, "2048B": 2048, "512KiB": 512 << 10, "1MiB": 1 << 20, "2 MiB": 2 << 20, "1024": 1024, "512MiB": 512 << 20,
	} {
		if got, _, err := readConfig([]string{"MILLRACE_MAX_EVENT_BYTES=" + text}); err != nil || got.MaxEventBytes != want {
			t.Errorf("%q: got %d, %v, want %d", text, got.MaxEventBytes, err, want)
		}
	}
	for _, text := range []string{"1k", "1MB", "-1", "1.5MiB", "1023", "513MiB", "999999999999GiB", "9999999999999999999", "0"} {
		if got, _, err := readConfig([]string{"MILLRACE_MAX_EVENT_BYTES=" + text}); err == nil {
			t.Errorf("%q: got %d and no error", text, got.MaxEventBytes)
		}
	}
}

func TestUnknownVariablesAreNoFault(t *testing.T) {
	t.Parallel()
	_, warnings, err := readConfig([]string{
		"MILLRACE_LEESE=1m", "MILLRACE_SOMETHING_ELSE=x", "MILLRACE_PORT=tcp://10.0.0.1:80", "OTHER=1",
		"MILLRACE_REDIS_SERVICE_HOST=10.0.0.1", "MILLRACE_REDIS_SERVICE_PORT_CLIENT=6379",
		"MILLRACE_REDIS_PORT_6379_TCP_ADDR=10.0.0.1", "MILLRACE_REDIS_PORT_6379_TCP=tcp://10.0.0.1:6379",
	})
	want := []string{
		`"MILLRACE_LEESE" is no variable that is read: did you mean MILLRACE_LEASE?`,
		`"MILLRACE_SOMETHING_ELSE" is no variable that is read`,
	}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("got %q, %v\nwant %q", warnings, err, want)
	}
}

func TestNoPasswordInAFault(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://:hunter2@", "redis://user:hunter2@host:6379/x", "hunter2://host", "redis://a:hunter2@host:6379?hunter2=1",
		"redis://:hunter2", "hunter2", "redis-sentinel://:hunter2@host",
	} {
		_, _, err := readConfig([]string{"MILLRACE_REDIS_URL=" + url})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "MILLRACE_REDIS_URL: ") {
			t.Errorf("%q: got %v, want a fault that does not show the password", url, err)
		}
	}
}
