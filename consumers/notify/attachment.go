package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/millrace/millrace/consumers"
)

// maxPathBytes is how long the path of an attached file may be; file systems take 255 bytes for each part of one.
const maxPathBytes = 1024

// maxAttached is how large the files of one mail may be together: most servers take 25 MB as they are sent, a third more.
const maxAttached = 18 << 20

// addAttachments adds the files that the templates name; a template that gives nothing adds none.
func (h *handler) addAttachments(message *gomail.Msg, view *View) error {
	left := int64(maxAttached)
	for _, template := range h.attach {
		text, err := textOf(template, view)
		if err != nil {
			return consumers.Permanent(fmt.Errorf("the mail's attachment: %w", err))
		}
		path := strings.TrimSpace(text)
		if path == "" {
			continue
		}
		content, err := readAttachment(h.attachDir, path, left)
		if err != nil {
			return err
		}
		left -= int64(len(content))
		message.AttachReadSeeker(filepath.Base(path), bytes.NewReader(content))
	}
	return nil
}

// readAttachment reads the file at path below directory, which no path leads out of. A file that is not there yet is worth
// another try: what prints it may be slower than what mails it.
func readAttachment(directory, path string, limit int64) ([]byte, error) {
	switch {
	case len(path) > maxPathBytes:
		return nil, consumers.Permanent(fmt.Errorf("the mail's attachment has a name of %d bytes: expected a file in %s", len(path), directory))
	case !filepath.IsLocal(path):
		return nil, consumers.Permanent(fmt.Errorf("the mail's attachment %.80q leads out of %s: expected a file in it", path, directory))
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, notThere(filepath.Join(directory, path), err)
	}
	defer func() { _ = root.Close() }() // it was only read from
	info, err := root.Stat(path)
	if err != nil {
		return nil, notThere(filepath.Join(directory, path), err)
	}
	if !info.Mode().IsRegular() {
		return nil, consumers.Permanent(fmt.Errorf("the mail's attachment %s is no file", filepath.Join(directory, path)))
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, notThere(filepath.Join(directory, path), err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("the mail's attachment: %w", err)
	}
	if int64(len(content)) > limit {
		return nil, consumers.Permanent(fmt.Errorf("the mail's attachments are larger than %d MiB", maxAttached>>20))
	}
	return content, nil
}

// notThere says that a file could not be opened, and that it may come.
func notThere(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the mail's attachment %s is not there (yet): does the handler that prints it run?", path)
	}
	return fmt.Errorf("the mail's attachment: %w", err)
}
