package simulation

import (
	"crypto/sha1"
	"encoding/hex"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"

	"github.com/millrace/millrace/stream"
)

// network leads to the server, past the adversary.
type network struct {
	memory    *miniredis.Miniredis
	adversary *adversary
	scripts   map[string]string // from the SHA-1 to the name
	wires     sync.WaitGroup
}

func newNetwork(adversary *adversary) (*network, error) {
	memory := miniredis.NewMiniRedis()
	memory.ClockTTL(true)
	started, err := memory.Dial() // which starts it without a port
	if err != nil {
		return nil, err
	}
	n := &network{memory: memory, adversary: adversary, scripts: map[string]string{}}
	for _, text := range stream.ScriptTexts() {
		n.scripts[sha1Of(text)] = nameOfScript.FindStringSubmatch(text)[1]
	}
	return n, started.Close()
}

// nameOfScript finds the name with which the head of a script begins; those of fragments and of functions look otherwise.
var nameOfScript = regexp.MustCompile(`(?m)^-- (?:(\w+): |Adds )`)

func sha1Of(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// close ends the server when every connection has ended.
func (n *network) close() {
	n.wires.Wait()
	n.memory.Close()
}

// command is what the adversary knows of a command.
type command struct {
	words []string
	kind  string // a script's name, else the command's
	group string // "" where it is for none
}

func (n *network) parse(words []string) command {
	parsed := command{words: words, kind: strings.ToUpper(words[0])}
	switch parsed.kind {
	case "XREADGROUP", "XACK", "XPENDING":
		parsed.group = words[2]
	case "EVAL":
		parsed.kind, parsed.group = n.scripts[sha1Of(words[1])], firstArgument(words)
	case "EVALSHA":
		parsed.kind, parsed.group = n.scripts[words[1]], firstArgument(words)
	}
	if parsed.kind == "ensure" {
		parsed.group = "" // it is for all of them
	}
	return parsed
}

// firstArgument is a script's first argument behind its keys, the group in all scripts of a consumer.
func firstArgument(words []string) string {
	keys, err := strconv.Atoi(words[2])
	if err != nil || len(words) <= 3+keys {
		return ""
	}
	return words[3+keys]
}

// connect opens a connection of a process.
func (n *network) connect(process *process) net.Conn {
	wire := newWire(n, process)
	n.wires.Go(wire.serve)
	return wire
}
