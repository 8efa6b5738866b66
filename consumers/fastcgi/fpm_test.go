package fastcgi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/consumers/remote/remotetest"
)

// fpm is a PHP-FPM of one test, with four processes that each take 40 requests.
type fpm struct {
	testing.TB
	program, directory string
	process            *exec.Cmd
}

// startFPM starts PHP-FPM; settings are lines of its pool.
func startFPM(t testing.TB, settings ...string) *fpm {
	t.Helper()
	directory, err := os.MkdirTemp("", "fpm") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	f := &fpm{TB: t, program: fpmProgram(t), directory: directory}
	pool := append([]string{
		"[global]", "error_log = " + f.path("log"), "daemonize = no", "[shop]", "listen = " + f.path("socket"),
		"pm = static", "pm.max_children = 4", "pm.max_requests = 40", "php_admin_flag[log_errors] = on",
	}, settings...)
	if os.Getuid() == 0 {
		pool = append(pool, "user = root", "group = root")
	}
	if err := os.WriteFile(f.path("conf"), []byte(strings.Join(pool, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.start()
	t.Cleanup(f.kill)
	return f
}

func fpmProgram(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2"} {
		for _, program := range []string{name, "/usr/sbin/" + name} {
			if found, err := exec.LookPath(program); err == nil {
				return found
			}
		}
	}
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatal("PHP-FPM is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install php-fpm")
	}
	t.Skip("PHP-FPM is not installed: install php-fpm to run this test")
	return ""
}

func (f *fpm) path(name string) string { return filepath.Join(f.directory, name) }

// address is where it listens.
func (f *fpm) address() string { return "unix:" + f.path("socket") }

// script is the path of a script in testdata.
func (f *fpm) script(name string) string {
	f.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		f.Fatal(err)
	}
	return path
}

// start starts it, and returns when it is ready. It runs without php.ini, in a process group of its own.
func (f *fpm) start() {
	f.Helper()
	before := f.readied()
	f.process = exec.Command(f.program, "-n", "-R", "-F", "-y", f.path("conf"))
	f.process.SysProcAttr = ownGroup()
	if err := f.process.Start(); err != nil {
		f.Fatal(err)
	}
	remotetest.Until(f, "PHP-FPM is ready", func() bool { return f.readied() > before })
}

// kill ends all of its processes at once. A second time does nothing.
func (f *fpm) kill() {
	if f.process != nil {
		_ = syscall.Kill(-f.process.Process.Pid, syscall.SIGKILL)
		_ = f.process.Wait()
		f.process = nil
	}
}

// reload lets it replace its processes, as a new configuration does, those that work on a request too, and returns when it has.
func (f *fpm) reload() {
	f.Helper()
	before := f.readied()
	if err := f.process.Process.Signal(syscall.SIGUSR2); err != nil {
		f.Fatal(fmt.Errorf("reload PHP-FPM: %w", err))
	}
	remotetest.Until(f, "PHP-FPM has been reloaded", func() bool { return f.readied() > before })
}

// readied counts how often it has said that it is ready.
func (f *fpm) readied() int {
	log, err := os.ReadFile(f.path("log"))
	if err != nil && !os.IsNotExist(err) {
		f.Fatal(err)
	}
	return strings.Count(string(log), "ready to handle connections")
}
