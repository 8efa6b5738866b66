package paper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// temporaryPrefix begins the name of a file that is still being written. The dot hides it from listings, and from
	// programs that print what appears.
	temporaryPrefix = ".tmp-"
	// leftoverAge is how old a temporary file is when the process that wrote it must be dead.
	leftoverAge = time.Hour
)

// Directory is where files are printed to. It may be used by many goroutines, and by many processes on one file system.
type Directory struct {
	path string

	mutex sync.Mutex
	// swept is when leftovers were last looked for.
	swept time.Time
}

// NewDirectory takes the directory at path, which need not exist: the first Write makes it. An error means that path is
// something other than a directory.
func NewDirectory(path string) (*Directory, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file: expected a directory, or a path where one can be made", path)
	}
	return &Directory{path: path}, nil
}

// Print writes a job's document to a file of the job's name, as Write does, and returns the file's path. Once it has begun
// it goes on when ctx ends.
func (d *Directory) Print(ctx context.Context, job Job) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return filepath.Join(d.path, job.Name), d.Write(job.Name, job.Content)
}

// Write makes a file of the given name and content, complete or not at all: whoever opens it, even after the process or
// the machine died at any moment, sees all of the content, or what was there before. When it returns nil the file is on
// disk. A file that has this content already is left alone. It blocks until the disk has answered; errors name the path
// and may pass (no space, no permission). name is a file's name without any directory.
func (d *Directory) Write(name string, content []byte) error {
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("write %q: expected a file name without a directory or a leading dot", name)
	}
	if err := makeDirectory(d.path); err != nil {
		return err
	}
	d.sweep()
	target := filepath.Join(d.path, name)
	if !holds(target, content) {
		if err := d.replace(target, content); err != nil {
			return fmt.Errorf("write %s: %w", target, err)
		}
	}
	// Also where the file was there: its rename may not have reached the disk before its process died.
	return syncDirectory(d.path)
}

// replace writes content beside target and renames it: a rename is atomic on POSIX file systems, a write is not.
func (d *Directory) replace(target string, content []byte) error {
	temporary, err := os.CreateTemp(d.path, temporaryPrefix)
	if err != nil {
		return err
	}
	err = errors.Join(fill(temporary, content), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

func fill(file *os.File, content []byte) error {
	if _, err := file.Write(content); err != nil {
		return err
	}
	// CreateTemp makes files that only their owner can read; whatever prints them is often another user.
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	return file.Sync()
}

// holds tells whether the file at path has just this content.
func holds(path string, content []byte) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(len(content)) {
		return false
	}
	existing, err := os.ReadFile(path)
	return err == nil && bytes.Equal(existing, content)
}

// makeDirectory makes the directory at path and those above it where they are missing.
func makeDirectory(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is a file: expected a directory", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for the directory: %w", err)
	}
	parent := filepath.Dir(path)
	if err := makeDirectory(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the directory: %w", err)
	}
	return syncDirectory(parent)
}

// syncDirectory brings a directory's entries to disk; a file's own Sync does not.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	err = directory.Sync()
	if errors.Is(err, syscall.EINVAL) {
		// Some network file systems cannot sync a directory, and need not.
		err = nil
	}
	if err = errors.Join(err, directory.Close()); err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	return nil
}

// sweep removes, once an hour, what processes that were killed while they wrote have left behind. What cannot be removed
// now is left for the next time.
func (d *Directory) sweep() {
	if !d.sweepIsDue() {
		return
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), temporaryPrefix) && isLeftover(entry) {
			_ = os.Remove(filepath.Join(d.path, entry.Name()))
		}
	}
}

func isLeftover(entry fs.DirEntry) bool {
	info, err := entry.Info()
	return err == nil && time.Since(info.ModTime()) > leftoverAge
}

func (d *Directory) sweepIsDue() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if time.Since(d.swept) < leftoverAge {
		return false
	}
	d.swept = time.Now()
	return true
}
