package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/command"
)

// startVariable makes the test's program play a persistent handler, and says how that begins.
const startVariable = "TEST_ACTOR"

func TestMain(m *testing.M) {
	if start := os.Getenv(startVariable); start != "" {
		act(start)
		return
	}
	os.Exit(m.Run())
}

// actor is a persistent handler that does what its events say, {"do":"die"} for instance. start is how it begins: "well",
// or "badly" while the file "mended" is not there.
func actor(t testing.TB, start string, change func(*command.Options)) *command.Handler {
	t.Helper()
	options := command.Options{
		Argv: []string{os.Args[0]}, Mode: command.Persistent, Environment: []string{startVariable + "=" + start}, Dir: t.TempDir(),
	}
	if change != nil {
		change(&options)
	}
	return newHandler(t, options)
}

func act(start string) {
	if start == "service" {
		serve()
	}
	if start == "stubborn" {
		note("starts")
		time.Sleep(time.Hour)
	}
	if _, err := os.Stat("mended"); start == "badly" && err != nil {
		note("starts")
		fmt.Fprintln(os.Stderr, "no configuration")
		os.Exit(1)
	}
	lines := bufio.NewReaderSize(os.Stdin, 4<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			note("ended")
			return
		}
		var event struct {
			Data struct{ Do string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			fmt.Println(`{"error":"no JSON","permanent":true}`)
			continue
		}
		play(event.Data.Do)
	}
}

// serve is a service that has handed out two events, which are never done, to one process each.
func serve() {
	for _, mode := range []command.Mode{command.Once, command.Persistent} {
		handler, err := command.New(command.Options{
			Argv: []string{os.Args[0]}, Mode: mode, Environment: []string{startVariable + "=stubborn"},
		})
		if err != nil {
			panic(err)
		}
		go func() { _ = handler.Handle(context.Background(), delivery(`{}`)) }()
	}
	time.Sleep(time.Hour)
}

// play does what an event says. What it does not know it answers as it stands.
func play(do string) {
	switch do {
	case "":
		fmt.Printf("{\"ok\":true,\"result\":\"%d\"}\n", os.Getpid())
	case "die":
		fmt.Fprintln(os.Stderr, "out of memory")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "exit":
		fmt.Fprintln(os.Stderr, "had enough")
		os.Exit(3)
	case "hang":
		note("hangs")
		time.Sleep(time.Hour)
	case "long":
		fmt.Println(strings.Repeat("x", 1<<20+64<<10))
	case "half":
		fmt.Print(`{"ok":tr`)
		os.Exit(0)
	case "twice":
		fmt.Print("{\"ok\":true}\n{\"ok\":true,\"result\":\"of another\"}\n")
	case "deaf":
		_ = os.Stdin.Close()
		fmt.Printf("{\"ok\":true,\"result\":\"%d\"}\n", os.Getpid())
		time.Sleep(time.Hour)
	case "mute":
		_ = os.Stdout.Close()
		time.Sleep(time.Hour)
	case "shout":
		fmt.Fprint(os.Stderr, strings.Repeat("noise\n", 1<<20)+"the end")
		fmt.Println(`{"ok":true,"result":"shouted"}`)
	default:
		fmt.Println(do)
	}
}

// note appends a line to a file in the working directory.
func note(name string) {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(file, os.Getpid())
		_ = file.Close()
	}
}
