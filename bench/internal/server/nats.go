package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATSArgument is the first argument of the command line of a NATS server; the second is the directory for its files.
const NATSArgument = "nats-server"

// ServeNATS runs a NATS server with JetStream until ctx ends. It writes its URL to out, as a line, when it is ready.
func ServeNATS(ctx context.Context, dir string, out io.Writer) error {
	running, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return fmt.Errorf("make a NATS server: %w", err)
	}
	running.Start()
	if !running.ReadyForConnections(startWithin) {
		return fmt.Errorf("the NATS server did not get ready within %v", startWithin)
	}
	fmt.Fprintln(out, running.ClientURL())
	<-ctx.Done()
	running.Shutdown()
	return nil
}

// NATS is a NATS server in a process of its own, this program's binary.
type NATS struct {
	url        string
	dir        string
	command    *exec.Cmd
	connection *nats.Conn
}

// StartNATS starts the server and returns when it answers. The server outlives ctx.
func StartNATS(ctx context.Context) (*NATS, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-nats-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the NATS server: %w", err)
	}
	n := &NATS{dir: dir, command: exec.CommandContext(context.WithoutCancel(ctx), binary, NATSArgument, dir)}
	if err := n.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the NATS server: %w", err), os.RemoveAll(dir))
	}
	if n.connection, err = nats.Connect(n.url, nats.NoReconnect()); err != nil {
		n.Stop()
		return nil, fmt.Errorf("connect to the NATS server: %w", err)
	}
	return n, nil
}

// start starts the process and reads its URL.
func (n *NATS) start() error {
	n.command.SysProcAttr = DieWithParent()
	n.command.Stderr = os.Stderr
	out, err := n.command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.command.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	n.url = strings.TrimSpace(line)
	if err != nil {
		_ = n.command.Process.Kill()
		return errors.Join(err, n.command.Wait())
	}
	return nil
}

// URL is the server's NATS URL.
func (n *NATS) URL() string { return n.url }

// Reset removes every stream with its consumers.
func (n *NATS) Reset(ctx context.Context) error {
	manager, err := jetstream.New(n.connection)
	if err != nil {
		return err
	}
	streams := manager.StreamNames(ctx)
	for name := range streams.Name() {
		if err := manager.DeleteStream(ctx, name); err != nil {
			return fmt.Errorf("delete stream %q: %w", name, err)
		}
	}
	return streams.Err()
}

// ticksPerSecond is what Linux counts processor time in, whatever its clock does.
const ticksPerSecond = 100

// CPU is what the kernel says of the process, to a hundredth of a second.
func (n *NATS) CPU(context.Context) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("ask what the NATS server has used: %w", err)
	}
	_, figures, _ := strings.Cut(string(text), ") ") // behind the name of the program
	fields := strings.Fields(figures)
	if len(fields) < 13 {
		return 0, fmt.Errorf("ask what the NATS server has used: the kernel says %q", text)
	}
	user, err := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err, systemErr)
}

// Stop kills the server, whose files nobody needs any more, and removes its directory.
func (n *NATS) Stop() {
	if n.connection != nil {
		n.connection.Close()
	}
	_ = n.command.Process.Kill()
	_ = n.command.Wait() // it was killed
	_ = os.RemoveAll(n.dir)
}
