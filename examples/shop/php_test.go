package shop_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needPHP skips a test where PHP with its redis extension is not installed, or fails it where MILLRACE_REQUIRE_TOOLS is 1.
func needPHP(t *testing.T) {
	t.Helper()
	if exec.Command("php", "-r", "new Redis();").Run() != nil {
		missing(t, "PHP with its redis extension", "php-cli and php-redis")
	}
}

func missing(t *testing.T, what, packages string) {
	t.Helper()
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install %s", what, packages)
	}
	t.Skipf("%s is not installed: install %s to run this test", what, packages)
}

// fpm is a PHP-FPM of one test.
type fpm struct{ socket string }

// startFPM starts PHP-FPM with two processes; settings are lines of its pool. The test's end stops it.
func startFPM(t *testing.T, settings ...string) fpm {
	t.Helper()
	program := fpmProgram(t)
	directory, err := os.MkdirTemp("", "fpm") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	started := fpm{socket: filepath.Join(directory, "socket")}
	log, configuration := filepath.Join(directory, "log"), filepath.Join(directory, "conf")
	lines := append([]string{
		"[global]", "error_log = " + log, "daemonize = no",
		"[shop]", "listen = " + started.socket, "pm = static", "pm.max_children = 2",
	}, settings...)
	if os.Getuid() == 0 {
		lines = append(lines, "user = root", "group = root")
	}
	if err := os.WriteFile(configuration, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "-R", "-F", "-y", configuration)
	process.SysProcAttr = ownGroup()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
		_ = process.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); !started.listens(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			written, _ := os.ReadFile(log)
			t.Fatalf("PHP-FPM does not listen after 30s: %s", written)
		}
	}
	return started
}

func (f fpm) listens() bool {
	connection, err := net.Dial("unix", f.socket)
	if err == nil {
		connection.Close()
	}
	return err == nil
}

func fpmProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2"} {
		for _, program := range []string{name, "/usr/sbin/" + name} {
			if found, err := exec.LookPath(program); err == nil {
				return found
			}
		}
	}
	missing(t, "PHP-FPM", "php-fpm")
	return ""
}
