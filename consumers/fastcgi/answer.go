package fastcgi

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/millrace/millrace/consumers/remote"
)

const (
	maxErrorBytes  = 1024     // of standard error
	maxHeaderBytes = 64 << 10 // of the header that a script sends
	maxAnswerBytes = 16 << 20 // of all that comes back for one request
)

// answer is what a script has answered, and what was reported beside it.
type answer struct {
	remote.Answer
	errors string
	whole  bool // it was read to its end
}

// read reads an answer to its end. Its error says why there is none; a status that is no success counts also where the rest of
// the answer is missing.
func read(from *bufio.Reader) (answer, error) {
	out := &output{from: from}
	limited := &io.LimitedReader{R: out, N: maxHeaderBytes}
	text := bufio.NewReader(limited)
	header, err := textproto.NewReader(text).ReadMIMEHeader()
	if err != nil {
		return answer{errors: string(out.errors)}, cmp.Or(out.fault, headerFault(err, limited.N <= 0))
	}
	read := answer{}
	if read.Status, err = status(header.Get("Status")); err != nil {
		return answer{errors: string(out.errors)}, err
	}
	read.RetryAfter, read.Location = header.Get("Retry-After"), header.Get("Location")
	limited.N = maxAnswerBytes
	if read.Body, err = io.ReadAll(io.LimitReader(text, remote.MaxBodyBytes)); err == nil {
		_, err = io.Copy(io.Discard, text)
	}
	read.errors, read.whole = string(out.errors), err == nil
	if err != nil && read.Status < http.StatusMultipleChoices {
		return read, fmt.Errorf("the answer %d broke off: %w", read.Status, err)
	}
	return read, nil
}

// headerFault says why there is no header.
func headerFault(err error, tooLong bool) error {
	switch {
	case tooLong:
		return fmt.Errorf("the script's header is longer than %d bytes", maxHeaderBytes)
	case errors.Is(err, io.EOF):
		return errors.New("the script has answered without a header")
	}
	return err
}

// status reads the header Status of CGI/1.1 (RFC 3875, section 6.3.3); without one, the answer is 200.
func status(text string) (int, error) {
	if text == "" {
		return http.StatusOK, nil
	}
	digits, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 100 || number > 999 {
		return 0, errors.New("expected a status such as 204 in the header Status, got something else")
	}
	return number, nil
}
