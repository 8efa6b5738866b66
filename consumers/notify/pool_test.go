package notify

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestIdleConnectionsAreEnded looks at the server's side: it hears QUIT without anybody closing the pool.
func TestIdleConnectionsAreEnded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	last := make(chan string, 1)
	go func() { last <- serveOne(listener) }()
	parsed, err := parseServer("smtp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	parsed.hello = "localhost"
	connections := &pool{server: parsed, idle: 10 * time.Millisecond}
	mail := envelope{from: "a@example.com", to: []string{"b@example.com"}, content: []byte("Subject: x\r\n\r\n.\r\n")}
	if err := connections.send(t.Context(), mail); err != nil {
		t.Fatal(err)
	}
	if got := <-last; got != "QUIT" {
		t.Errorf("the last command was %q, want QUIT", got)
	}
	connections.ending.Wait()
	if len(connections.waiting) > 0 {
		t.Errorf("%d connections wait, want none", len(connections.waiting))
	}
}

// serveOne takes one connection and returns the last command that came over it.
func serveOne(listener net.Listener) (command string) {
	connection, err := listener.Accept()
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	lines := bufio.NewReader(connection)
	answer := "220 here\r\n"
	for {
		fmt.Fprint(connection, answer)
		line, err := lines.ReadString('\n')
		if err != nil {
			return command
		}
		command, _, _ = strings.Cut(strings.TrimSpace(line), " ")
		answer = "250 fine\r\n"
		switch command {
		case "DATA":
			fmt.Fprint(connection, "354 go on\r\n")
			for line != ".\r\n" && err == nil {
				line, err = lines.ReadString('\n')
			}
		case "QUIT":
			answer = "221 bye\r\n"
		}
	}
}
