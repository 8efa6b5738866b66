package stream

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// scripts are the Lua programs that run in Redis, each in one step that nothing else comes between. The head of every
// file says its KEYS and ARGV.
type scripts struct {
	ack, adopt, begin, ensure, giveUp, leave, release, renew, settle, sweep script

	entryIDs, findDead, findRepeats, inspect, requeue, trim script

	publish, publishBatch script
}

// loadScripts reads the embedded files. To add a script: a field above, a line here, and one in ScriptTexts.
func loadScripts() scripts {
	return scripts{
		ack:     newScript("common", "ack"),
		adopt:   newScript("common", "envelope", "follow_up", "dead_letter", "adopt"),
		begin:   newScript("common", "begin"),
		ensure:  newScript("ids", "ensure"),
		giveUp:  newScript("common", "envelope", "follow_up", "dead_letter", "give_up"),
		leave:   newScript("leave"),
		release: newScript("common", "envelope", "follow_up", "dead_letter", "release"),
		renew:   newScript("common", "envelope", "follow_up", "dead_letter", "renew"),
		settle:  newScript("common", "envelope", "follow_up", "settle"),
		sweep:   newScript("common", "envelope", "follow_up", "dead_letter", "sweep"),

		entryIDs:    newScript("walk", "entry_ids"),
		findDead:    newScript("walk", "find_dead"),
		findRepeats: newScript("ids", "walk", "find_repeats"),
		inspect:     newScript("common", "inspect"),
		requeue:     newScript("requeue"),
		trim:        newScript("common", "ids", "trim"),

		publish:      newScript("publish"),
		publishBatch: newScript("publish_batch"),
	}
}

// script is one Lua program and the name under which Redis caches it.
type script struct {
	source string
	sha1   string
}

// newScript joins the files called names, without .lua, in this order: fragments that define local functions stand
// before what calls them. A file that is not embedded is a fault of this package, so it panics.
func newScript(names ...string) script {
	var source strings.Builder
	for _, name := range names {
		text, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		source.Write(text)
		source.WriteByte('\n')
	}
	sum := sha1.Sum([]byte(source.String())) // SCRIPT LOAD command page: the SHA-1 names the script, no secret rests on it
	return script{source: source.String(), sha1: hex.EncodeToString(sum[:])}
}

// run runs a script on the write client, by its SHA-1 and, where Redis does not know it (after a restart, a failover or
// SCRIPT FLUSH), by its source. It is sent once: when its reply is lost, the script may have run. Every key that the
// script touches must be in keys.
func (c *Client) run(ctx context.Context, program script, keys []string, args ...any) *redis.Cmd {
	command := c.evaluate(ctx, "evalsha", program.sha1, keys, args)
	if redis.HasErrorPrefix(command.Err(), "NOSCRIPT") {
		command = c.evaluate(ctx, "eval", program.source, keys, args)
	}
	return command
}

func (c *Client) evaluate(ctx context.Context, verb, program string, keys []string, args []any) *redis.Cmd {
	command := newEvaluation(ctx, verb, program, keys, args)
	_ = c.write.Process(ctx, once{command}) // the error stays in the command
	return command
}

func newEvaluation(ctx context.Context, verb, program string, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, verb, program, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	return redis.NewCmd(ctx, append(words, args...)...)
}

// flag is how a script takes a yes or no.
func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}
