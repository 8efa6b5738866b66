package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/millrace/millrace/internal/breakable"
)

const (
	// patience bounds every wait for servers: far more than they need on a busy machine.
	patience = 40 * time.Second
	// glance is how long it is from one look at a server to the next, and so how exact the times are.
	glance = 10 * time.Millisecond
)

// member is one Redis server or sentinel, and a client that asks it, which is not that of a consumer.
type member struct {
	*breakable.Server
	client *redis.Client
}

// startMember starts a server in a folder of its own.
func startMember(dir, name string, start func(dir string) (*breakable.Server, error)) (*member, error) {
	folder := filepath.Join(dir, name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for a server: %w", err)
	}
	server, err := start(folder)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{
		Addr: server.Addr(), Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return &member{Server: server, client: client}, nil
}

// startMembers starts so many servers at once. Those that did start are returned with an error too.
func startMembers(
	dir, name string, size int, start func(dir string) (*breakable.Server, error),
) (members []*member, err error) {
	all, faults := make([]*member, size), make([]error, size)
	var starting sync.WaitGroup
	for i := range all {
		starting.Go(func() { all[i], faults[i] = startMember(dir, fmt.Sprintf("%s%d", name, i), start) })
	}
	starting.Wait()
	for _, each := range all {
		if each != nil {
			members = append(members, each)
		}
	}
	return members, errors.Join(faults...)
}

// port is the number at the end of the address.
func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// isMaster tells whether the server takes itself for a master (ROLE).
func (m *member) isMaster(ctx context.Context) bool {
	role, err := m.client.Do(ctx, "role").Slice()
	return err == nil && len(role) > 0 && role[0] == "master"
}

// isLinked tells whether the server is a replica that has all of its master's data.
func (m *member) isLinked(ctx context.Context) bool {
	info, err := m.client.Info(ctx, "replication").Result()
	return err == nil && strings.Contains(info, "role:slave") && strings.Contains(info, "master_link_status:up")
}

// close kills the server.
func (m *member) close() error {
	m.client.Close()
	return m.Kill()
}

func closeAll(members []*member) error {
	var faults []error
	for _, each := range members {
		faults = append(faults, each.close())
	}
	return errors.Join(faults...)
}

// await looks again and again until holds, and returns when that was.
func await(ctx context.Context, what string, holds func() bool) (time.Time, error) {
	deadline := time.Now().Add(patience)
	for {
		if holds() {
			return time.Now(), nil
		}
		if time.Now().After(deadline) {
			return time.Time{}, fmt.Errorf("waited %v until %s", patience, what)
		}
		if err := rest(ctx, glance); err != nil {
			return time.Time{}, err
		}
	}
}

func rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
