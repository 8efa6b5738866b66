package simulation

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// wire is one connection from a process to the server. What is written to it is judged by the adversary, command by
// command; the server sees those that pass.
type wire struct {
	network  *network
	process  *process
	requests chan request
	replies  chan []byte
	rest     []byte       // of a reply that was read in part
	deadline atomic.Int64 // of a read, in nanoseconds since 1970
	closed   chan struct{}
	close    func()
}

type request struct {
	command
	fate
}

var errBroken = errors.New("the connection is broken")

func newWire(network *network, process *process) *wire {
	const most = 16 // commands under way in one connection
	w := &wire{
		network: network, process: process,
		requests: make(chan request, most), replies: make(chan []byte, most), closed: make(chan struct{}),
	}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	return w
}

// Write takes whole commands, as the client flushes them.
func (w *wire) Write(sent []byte) (int, error) {
	for input := bufio.NewReader(bytes.NewReader(sent)); ; {
		words, err := readCommand(input)
		if errors.Is(err, io.EOF) {
			return len(sent), nil
		}
		if err != nil {
			return 0, err
		}
		command := w.network.parse(words)
		fate := w.network.adversary.judge(w.process, command, w.process.count(command.kind))
		if fate.refused || w.process.isDead() {
			w.close()
			return 0, errBroken
		}
		w.requests <- request{command, fate}
	}
}

// serve does the commands one after the other. What was sent is done even if the client has gone meanwhile, as it is by a
// server; a process that was killed is the exception, so that nothing of it is left.
func (w *wire) serve() {
	var reply bytes.Buffer
	peer := server.NewPeer(bufio.NewWriter(&reply))
	defer peer.Close()
	for {
		select {
		case request := <-w.requests:
			reply.Reset()
			time.Sleep(request.before)
			if w.process.isDead() {
				return
			}
			w.network.memory.Server().Dispatch(peer, request.words)
			peer.Flush()
			w.answer(request, bytes.Clone(reply.Bytes()))
		case <-w.closed:
			if len(w.requests) == 0 {
				return
			}
		}
	}
}

func (w *wire) answer(request request, reply []byte) {
	time.Sleep(request.after)
	switch {
	case !request.lost:
		w.replies <- reply
	case !request.silent:
		w.close()
	}
}

// Read returns what the server has answered.
func (w *wire) Read(into []byte) (int, error) {
	if len(w.rest) == 0 {
		timeout := time.NewTimer(time.Until(time.Unix(0, w.deadline.Load())))
		defer timeout.Stop()
		select {
		case w.rest = <-w.replies:
		case <-w.closed:
			return 0, errBroken
		case <-w.process.dead:
			return 0, errBroken
		case <-timeout.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
	read := copy(into, w.rest)
	w.rest = w.rest[read:]
	return read, nil
}

// Close ends the connection.
func (w *wire) Close() error {
	w.close()
	return nil
}

// LocalAddr is no address of anything.
func (w *wire) LocalAddr() net.Addr { return &net.UnixAddr{Name: "simulated"} }

// RemoteAddr is no address of anything.
func (w *wire) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "simulated"} }

// SetDeadline sets the one for reading.
func (w *wire) SetDeadline(at time.Time) error { return w.SetReadDeadline(at) }

// SetReadDeadline ends the next reads at that time; the client always sets one.
func (w *wire) SetReadDeadline(at time.Time) error {
	w.deadline.Store(at.UnixNano())
	return nil
}

// SetWriteDeadline changes nothing: a write does not wait.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// readCommand reads an array of bulk strings (Redis serialization protocol specification).
func readCommand(input *bufio.Reader) ([]string, error) {
	count, err := readLength(input)
	if err != nil {
		return nil, err
	}
	words := make([]string, count)
	for i := range words {
		length, err := readLength(input)
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+2)
		if _, err := io.ReadFull(input, text); err != nil {
			return nil, err
		}
		words[i] = string(text[:length])
	}
	return words, nil
}

// readLength reads a line of a sign and a number.
func readLength(input *bufio.Reader) (int, error) {
	line, err := input.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(line[1 : len(line)-2])
}
