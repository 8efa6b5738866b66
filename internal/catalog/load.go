package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Load reads the handlers file at path and parses it as Parse does. Where there is no such file, the error wraps
// fs.ErrNotExist.
func Load(path string, defaults Defaults) (*File, error) {
	content, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no handlers file %q: write one, or name another in MILLRACE_HANDLERS_FILE: %w",
			path, err)
	case err != nil:
		return nil, fmt.Errorf("read handlers file %q: %w", path, err)
	}
	return Parse(path, content, defaults)
}

// readFile reads the file, though no more of it than is needed to see that it is too large.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read from
	return io.ReadAll(io.LimitReader(file, maxBytes+1))
}
