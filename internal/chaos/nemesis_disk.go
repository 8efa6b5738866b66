package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// fullDisk fills the disk that Redis writes to, for up to a lease. With appendfsync always Redis exits as soon as it cannot
// write; when there is room again it is started, as whoever runs it would do. It strikes alone, since nothing can be started on
// a disk that is full. Its disk is a small one in memory, which takes the right to mount.
type fullDisk struct{}

func (fullDisk) name() string { return "disk" }

// missing mounts a disk and takes it away again.
func (fullDisk) missing(dir string) string {
	place := filepath.Join(dir, "disk")
	err := errors.Join(os.MkdirAll(place, 0o700), mountDisk(place, 1))
	if err != nil {
		return "a tmpfs cannot be mounted here, which takes root: " + err.Error()
	}
	if err := unmountDisk(place); err != nil {
		return err.Error()
	}
	return ""
}

// prepare mounts a disk for Redis that the events of the run do not fill.
func (fullDisk) prepare(w *world) error {
	megabytes := 64 + w.settings.events*16/1000
	if err := mountDisk(w.redisDir(), megabytes); err != nil {
		return err
	}
	w.undo = append(w.undo, func() error { return unmountDisk(w.redisDir()) })
	return nil
}

func mountDisk(place string, megabytes int) error {
	said, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), //nolint:noctx // it ends by itself
		"tmpfs", place).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount a tmpfs: %w: %s", err, said)
	}
	return nil
}

func unmountDisk(place string) error {
	said, err := exec.Command("umount", place).CombinedOutput() //nolint:noctx // it ends by itself
	if err != nil {
		return fmt.Errorf("unmount %s: %w: %s", place, err, said)
	}
	return nil
}

func (fullDisk) strike(ctx context.Context, w *world) error {
	ballast := filepath.Join(w.redisDir(), "ballast")
	from := time.Now()
	err := fill(ballast)
	err = errors.Join(err, rest(ctx, time.Duration(1+w.draw(int(lease)))), os.Remove(ballast))
	if !w.server.Running() {
		w.count("disk ended Redis")
		err = errors.Join(err, w.server.Restart())
	}
	w.disturbed.add("", from, time.Now())
	return err
}

// fill writes a file until there is no room for a byte more.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer func() { _ = file.Close() }() // what was written counts
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		_, err := file.Write(piece)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			piece = piece[:len(piece)/2]
		case err != nil:
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}
