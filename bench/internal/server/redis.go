package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// startWithin is far more than a redis-server needs to start.
const startWithin = 20 * time.Second

// Redis is a redis-server without persistence.
type Redis struct {
	address string
	dir     string
	command *exec.Cmd
	client  *redis.Client
}

// StartRedis starts the redis-server that the PATH names and returns when it answers.
func StartRedis(ctx context.Context) (*Redis, error) {
	dir, err := os.MkdirTemp("", "bench-redis-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for redis-server: %w", err)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{address: net.JoinHostPort("127.0.0.1", port), dir: dir}
	outlivesRun := context.WithoutCancel(ctx)
	r.command = exec.CommandContext(outlivesRun, "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", dir,
		"--save", "", "--appendonly", "no", "--logfile", filepath.Join(dir, "log"))
	r.command.SysProcAttr = DieWithParent()
	if err := r.command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start redis-server: %w", err), os.RemoveAll(dir))
	}
	r.client = redis.NewClient(&redis.Options{
		Addr: r.address, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	if err := r.awaitReady(ctx); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// FreePort finds a loopback port that nobody listens on.
func FreePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// awaitReady asks for the server's own word too, since another server may have taken the port.
func (r *Redis) awaitReady(ctx context.Context) error {
	var written []byte
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline) && ctx.Err() == nil; {
		written, _ = os.ReadFile(filepath.Join(r.dir, "log"))
		if bytes.Contains(written, []byte("Ready to accept connections")) {
			return r.client.Ping(ctx).Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("redis-server on %s did not get ready within %v; it wrote:\n%s", r.address, startWithin, written)
}

// URL is the server's Redis URL.
func (r *Redis) URL() string { return "redis://" + r.address }

// Client is for questions between runs; the parent must be quiet while one is under way.
func (r *Redis) Client() *redis.Client { return r.client }

// Reset removes every key, and the statistics.
func (r *Redis) Reset(ctx context.Context) error {
	if err := r.client.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty redis-server: %w", err)
	}
	return r.client.ConfigResetStat(ctx).Err()
}

// CPU is what INFO says of the whole process, to the microsecond.
func (r *Redis) CPU(ctx context.Context) (time.Duration, error) {
	info, err := r.Info(ctx, "cpu")
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(info["used_cpu_sys"], 64)
	user, userErr := strconv.ParseFloat(info["used_cpu_user"], 64)
	return time.Duration((system + user) * float64(time.Second)), errors.Join(err, userErr)
}

// Info returns a section of INFO as names and values.
func (r *Redis) Info(ctx context.Context, section string) (map[string]string, error) {
	text, err := r.client.Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("ask redis-server for INFO %s: %w", section, err)
	}
	values := map[string]string{}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			values[name] = value
		}
	}
	return values, nil
}

// Stop kills the server, which has nothing to save, and removes its directory.
func (r *Redis) Stop() {
	r.client.Close()
	_ = r.command.Process.Kill()
	_ = r.command.Wait() // it was killed
	_ = os.RemoveAll(r.dir)
}
