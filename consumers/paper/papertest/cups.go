package papertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// CUPS is a print server of the test's own.
type CUPS struct {
	t       testing.TB
	folder  string
	address string
	server  *exec.Cmd
}

// cupsdConf lets everybody on the loopback interface add printers; whose jobs they see and cancel is as Debian has it.
const cupsdConf = `Listen %s
Browsing No
WebInterface No
LogLevel debug
PreserveJobHistory Yes
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  JobPrivateAccess default
  JobPrivateValues default
  <Limit Cancel-Job>
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit All>
    Order allow,deny
    Allow all
  </Limit>
</Policy>
`

const cupsFilesConf = `ServerRoot %[1]s
RequestRoot %[1]s/spool
CacheDir %[1]s/cache
StateDir %[1]s/state
TempDir %[1]s/spool
AccessLog %[1]s/access
ErrorLog %[1]s/errors
PageLog %[1]s/pages
SystemGroup root
`

// StartCUPS starts a print server on a free port; the test's end stops it. It needs to be root, as whom cupsd starts its
// filters: a test that is not, or without cupsd, is skipped.
func StartCUPS(t testing.TB) *CUPS {
	t.Helper()
	for _, tool := range []string{"/usr/sbin/cupsd", "/usr/sbin/lpadmin", "/usr/sbin/cupsdisable"} {
		need(t, tool, "cups and cups-client")
	}
	if os.Getuid() != 0 {
		t.Skip("cupsd can only be started by root")
	}
	// Beside the test's own folder, which no other user may enter: filters and backends run as one.
	folder, err := os.MkdirTemp("", "cups")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "spool"), 0o710); err != nil {
		t.Fatal(err)
	}
	cups := &CUPS{t: t, folder: folder, address: freeAddress(t)}
	cups.write("cupsd.conf", fmt.Sprintf(cupsdConf, cups.address))
	cups.write("cups-files.conf", fmt.Sprintf(cupsFilesConf, folder))
	cups.start()
	t.Cleanup(cups.stop)
	return cups
}

func (c *CUPS) write(name, content string) {
	if err := os.WriteFile(filepath.Join(c.folder, name), []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *CUPS) start() {
	c.t.Helper()
	c.server = exec.Command("/usr/sbin/cupsd", "-f", "-c", filepath.Join(c.folder, "cupsd.conf"), "-s", filepath.Join(c.folder, "cups-files.conf"))
	c.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.server.Start(); err != nil {
		c.t.Fatalf("start cupsd: %v", err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get("http://" + c.address + "/")
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			c.stop()
			c.t.Fatalf("cupsd does not answer on %s: %s", c.address, c.Log())
		}
	}
}

func (c *CUPS) stop() {
	_ = c.server.Process.Signal(syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		_ = c.server.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		_ = c.server.Process.Kill()
		<-stopped
	}
}

// Log is the print server's log.
func (c *CUPS) Log() string {
	content, err := os.ReadFile(filepath.Join(c.folder, "errors"))
	return fmt.Sprint(string(content), err)
}

// Add makes a queue whose printer takes raw data at the given host and port, and returns the queue's address. driver is
// a model as lpinfo names it, or raw for none.
func (c *CUPS) Add(queue, printer, driver string) string {
	c.t.Helper()
	c.Command("/usr/sbin/lpadmin", "-p", queue, "-E", "-v", "socket://"+printer, "-m", driver)
	return c.Address(queue)
}

// Address is the address of a queue, whether or not there is one.
func (c *CUPS) Address(queue string) string { return "ipp://" + c.address + "/printers/" + queue }

// Command runs a command of CUPS, such as cupsdisable, against this server and returns what it printed.
func (c *CUPS) Command(tool string, arguments ...string) string {
	c.t.Helper()
	need(c.t, tool, "cups and cups-client")
	command := exec.Command(tool, arguments...)
	command.Env = append(os.Environ(), "CUPS_SERVER="+c.address)
	output, err := command.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v: %s", tool, strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

func freeAddress(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Sink is a printer that takes raw data, as on port 9100: it keeps each document and prints none.
type Sink struct {
	listener  net.Listener
	documents chan []byte
}

// StartSink starts a printer on a free port; the test's end stops it.
func StartSink(t testing.TB) *Sink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sink, stopped := &Sink{listener, make(chan []byte, 1000)}, make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			content, err := io.ReadAll(connection)
			if err == nil || errors.Is(err, io.EOF) {
				sink.documents <- content
			}
			connection.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-stopped
	})
	return sink
}

// Address is the sink's host and port.
func (s *Sink) Address() string { return s.listener.Addr().String() }

// Next waits for the next document.
func (s *Sink) Next(ctx context.Context, t testing.TB) []byte {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	select {
	case document := <-s.documents:
		return document
	case <-ctx.Done():
		t.Fatal("no document came to the printer within a minute")
		return nil
	}
}

// Waiting is how many documents came that Next has not returned.
func (s *Sink) Waiting() int { return len(s.documents) }
