package paper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"
)

const (
	socketScheme = "socket://"
	socketPort   = "9100"
	// closeTime is how long a printer has for ending the connection once it has everything. Some never do.
	closeTime = 5 * time.Second
	// notTaken is said of a printer that stops reading.
	notTaken = "does not take all of the document: is it out of paper, or stopped?"
	// maxStatus is how many bytes of its own a printer may send, which are read and dropped.
	maxStatus = 1 << 20
)

// parseSocket reads the address of a printer that takes raw data, and returns its host and port.
func parseSocket(text string) (string, error) {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || address.User != nil || address.Path != "" || address.RawQuery != "" ||
		address.Fragment != "" {
		return "", errors.New("expected a host and a port, as in socket://10.0.0.5:9100")
	}
	if address.Port() == "" {
		return net.JoinHostPort(address.Hostname(), socketPort), nil
	}
	if number, err := strconv.ParseUint(address.Port(), 10, 16); err != nil || number == 0 {
		return "", fmt.Errorf("expected a port from 1 to 65535, got %q", address.Port())
	}
	return address.Host, nil
}

// socket is a printer that prints what is written to a TCP connection, usually on port 9100. It says nothing of what it
// prints and knows no jobs, so a document that broke off half way comes out twice, the first time perhaps in part.
type socket struct{ address string }

// Print sends the document and waits until the printer has all of it: until it ends the connection, or, because some never
// do, until it has acknowledged every byte and five seconds have passed. That it is on paper nobody says. A printer that
// takes no more, as for want of paper, is waited for until ctx ends.
func (s *socket) Print(ctx context.Context, job Job) (string, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return "", s.fault(ctx, "cannot be reached", err)
	}
	defer connection.Close()
	tcp := connection.(*net.TCPConn)
	defer context.AfterFunc(ctx, func() {
		// What was not sent yet is dropped, so that it does not come out after the document has been given up.
		_ = tcp.SetLinger(0)
		_ = tcp.SetDeadline(time.Unix(1, 0))
	})()
	if _, err := tcp.Write(job.Content); err != nil {
		return "", s.fault(ctx, notTaken, err)
	}
	if err := tcp.CloseWrite(); err != nil {
		return "", s.fault(ctx, "ended the connection before it had the document", err)
	}
	if err := s.taken(ctx, tcp); err != nil {
		return "", err
	}
	return "printer " + s.address, nil
}

// taken waits until the printer has everything that was written.
func (s *socket) taken(ctx context.Context, tcp *net.TCPConn) error {
	for read := int64(0); read < maxStatus; {
		_ = tcp.SetReadDeadline(time.Now().Add(closeTime))
		if ctx.Err() != nil {
			// The deadline that its end has set may just have been set anew.
			return s.fault(ctx, notTaken, ctx.Err())
		}
		count, err := io.Copy(io.Discard, io.LimitReader(tcp, maxStatus-read))
		read += count
		switch {
		case err == nil && read < maxStatus:
			return nil
		case ctx.Err() != nil:
			return s.fault(ctx, notTaken, err)
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return s.fault(ctx, "broke off, and may have printed a part", err)
		case err != nil && unacknowledged(tcp) == 0:
			return nil
		}
	}
	return fmt.Errorf("printer %s sends without end: is it a printer?", s.address)
}

// fault is err in words. What a connection says that was cut off because ctx ended is no part of it.
func (s *socket) fault(ctx context.Context, words string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("printer %s %s", s.address, words)
	}
	return fmt.Errorf("printer %s %s: %w", s.address, words, err)
}
