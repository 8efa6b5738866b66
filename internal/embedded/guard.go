package embedded

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"go.uber.org/zap"
)

// guard stands before every command, those of clients and those that scripts call. What it does not know does not reach
// miniredis, where an odd argument can end the process.
type guard struct {
	server  *server.Server
	options Options
	allowed map[string]bool // the SHA-1 of every script that clients may run
	started time.Time

	mu      sync.Mutex
	clients map[*server.Peer]int  // every client's connection and its number; what is not here is a script's call
	waved   map[*server.Peer]bool // whose running command is the guard's own and passes unseen
	lastID  int
}

// throughScript runs its arguments as one command. What a script calls is checked and done in one step, answers once
// where miniredis would answer twice, and cannot end the process, because the interpreter recovers panics.
const throughScript = "return redis.pcall(unpack(ARGV))"

func newGuard(memory *miniredis.Miniredis, o Options) *guard {
	g := &guard{
		server:  memory.Server(),
		options: o,
		allowed: map[string]bool{},
		started: time.Now(),
		clients: map[*server.Peer]int{},
		waved:   map[*server.Peer]bool{},
	}
	for _, text := range o.Scripts {
		g.allowed[scriptSHA1(text)] = true
	}
	g.server.SetPreHook(g.inspect)
	return g
}

// scriptSHA1 is what EVALSHA calls a script by (EVALSHA command page).
func scriptSHA1(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// inspect is called before every command and returns true where it has answered, so that miniredis does not.
func (g *guard) inspect(peer *server.Peer, command string, args ...string) bool {
	script, isWaved := g.admit(peer)
	if isWaved {
		return false
	}
	if err := g.check(script, command, args); err != nil {
		g.refuse(peer, command, err)
		return true
	}
	if script == nil && runsThroughScript(command, args) {
		g.run(peer, append([]string{"EVAL", throughScript, "0", command}, args...))
		return true
	}
	if answer, isOurs := answers[command]; isOurs {
		return answer(g, peer, script, args)
	}
	if command == "XREADGROUP" {
		return g.read(peer, script, args)
	}
	return false
}

// admit registers a client's connection at its first command, and tells a script's call, for which miniredis makes up a
// peer, from a client's: script is that peer, and nil where a client runs the command.
func (g *guard) admit(peer *server.Peer) (script *server.Peer, isWaved bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, isKnown := g.clients[peer]
	isWaved = g.waved[peer]
	if isKnown || isWaved {
		return nil, isWaved
	}
	if peer.Ctx != nil { // a client's peer has none before its first command
		return peer, false
	}
	g.lastID++
	g.clients[peer] = g.lastID
	peer.OnDisconnect(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.clients, peer)
	})
	return nil, false
}

// run hands a command of the guard's own making to miniredis, on behalf of peer.
func (g *guard) run(peer *server.Peer, words []string) {
	g.mu.Lock()
	g.waved[peer] = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.waved, peer)
	}()
	g.server.Dispatch(peer, words)
}

// ask returns miniredis's reply to a command. Within a script, script must be the peer of that script's call, because
// the lock is held already; otherwise it is nil.
func (g *guard) ask(script *server.Peer, words ...string) any {
	var reply bytes.Buffer
	writer := bufio.NewWriter(&reply)
	peer := server.NewPeer(writer)
	if script != nil {
		peer.Ctx = script.Ctx
	}
	g.run(peer, words)
	peer.Flush()
	value, err := server.ParseReply(bufio.NewReader(&reply))
	if err != nil {
		return err
	}
	return value
}

// refuse answers with err and, in a MULTI, makes the EXEC fail, as Redis does after a command that it refused.
func (g *guard) refuse(peer *server.Peer, command string, err error) {
	g.options.Logger.Debug("embedded server refused a command", zap.String("command", nameOf(command)), zap.Error(err))
	peer.WriteError(err.Error())
	if command == refusedFrame {
		peer.Close()
		return
	}
	if peer.Ctx == nil {
		return
	}
	shadow := server.NewPeer(bufio.NewWriter(&bytes.Buffer{}))
	shadow.Ctx = peer.Ctx
	g.run(shadow, []string{"GET"}) // too few arguments: miniredis notes the fault in the context that both share
}

var plainName = regexp.MustCompile(`^[A-Z0-9_.-]{1,32}$`)

// nameOf is a command's name where it is fit to be shown.
func nameOf(command string) string {
	if !plainName.MatchString(command) {
		return "this command"
	}
	return "'" + command + "'"
}

func notAvailable(what string) error {
	return fmt.Errorf("ERR %s is not available on the embedded server, which is for trying out: "+
		"run a real Redis and set MILLRACE_REDIS_URL", what)
}

func (g *guard) check(script *server.Peer, command string, args []string) error {
	if command == refusedFrame && len(args) == 1 {
		return errors.New(args[0])
	}
	rule, isKnown := rules[command]
	if !isKnown {
		return notAvailable(nameOf(command))
	}
	if len(args) < rule.least || rule.most != many && len(args) > rule.most {
		return fmt.Errorf("ERR wrong number of arguments for '%s' command", strings.ToLower(command))
	}
	if rule.shape != nil {
		if err := rule.shape(args); err != nil {
			return err
		}
	}
	return g.checkState(script, command, args)
}

// checkState refuses what is well formed but must not be done now.
func (g *guard) checkState(script *server.Peer, command string, args []string) error {
	switch command {
	case "EVAL":
		return g.checkScript(scriptSHA1(args[0]))
	case "SCRIPT":
		if strings.EqualFold(args[0], "LOAD") {
			return g.checkScript(scriptSHA1(args[1]))
		}
	case "EVALSHA":
		if !g.allowed[args[0]] {
			return errors.New("NOSCRIPT No matching script: use EVAL")
		}
	case "XADD":
		return g.checkRoom(script, args)
	case "XGROUP":
		if script != nil && strings.EqualFold(args[0], "DELCONSUMER") {
			return g.checkUnused(script, args[1], args[2], args[3])
		}
	case "XREAD", "XREADGROUP": // miniredis would let go of its lock in the middle of the script
		if options, err := parseRead(args); script != nil && (err != nil || options.blocks) {
			return notAvailable("BLOCK in a script")
		}
	}
	return nil
}

func (g *guard) checkScript(sha1 string) error {
	if g.allowed[sha1] {
		return nil
	}
	return notAvailable("a Lua script that is not Millrace's own")
}

// runsThroughScript names the commands that a client must not give to miniredis directly: DELCONSUMER has to be checked
// and done in one step, XLEN of a key that is no stream is answered twice, and what answers has its own reply for would
// be answered at once in a MULTI.
func runsThroughScript(command string, args []string) bool {
	switch command {
	case "XLEN", "XPENDING":
		return command == "XLEN" || len(args) == 2
	case "XGROUP":
		return strings.EqualFold(args[0], "DELCONSUMER") || strings.EqualFold(args[0], "CREATE")
	case "XINFO":
		return strings.EqualFold(args[0], "STREAM")
	}
	return false
}
