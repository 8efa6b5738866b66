package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Waiting is the reserved consumer that holds what waits for a retry or was handed back. Nobody reads under this name.
const Waiting = "waiting"

// DefaultName is the stream's name where none is configured.
const DefaultName = "event_stream"

// Keys names everything that Millrace keeps in Redis for one stream. All of it hashes to the slot of the stream, so one
// script may touch it all in a Redis Cluster too.
type Keys struct {
	stream string
	prefix string
}

// NewKeys returns the keys of the stream called name. The name is 1 to 256 printable characters without spaces; braces
// are accepted only where they make a hash tag, as in `{shop}:events`.
func NewKeys(name string) (Keys, error) {
	if !validStream.MatchString(name) {
		return Keys{}, fmt.Errorf("stream name %q: expected 1 to 256 letters, digits or punctuation without spaces", name)
	}
	if !strings.ContainsAny(name, "{}") {
		return Keys{stream: name, prefix: "{" + name + "}:"}, nil
	}
	if !hashTagged.MatchString(name) {
		return Keys{}, fmt.Errorf("stream name %q: braces must make one hash tag, as in {shop}:events", name)
	}
	return Keys{stream: name, prefix: name + ":"}, nil
}

var (
	validStream = regexp.MustCompile(`^[!-~]{1,256}$`)
	hashTagged  = regexp.MustCompile(`^[^{}]*\{[^{}]+\}[^{}]*$`)
	validGroup  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// CheckGroup returns an error that names the fault where name cannot be a group's.
func CheckGroup(name string) error {
	if !validGroup.MatchString(name) {
		return fmt.Errorf("group name %q: expected 1 to 64 of A-Z a-z 0-9 _ . -", name)
	}
	return nil
}

// Stream is the key of the stream itself.
func (k Keys) Stream() string { return k.stream }

// Dead is the key of group's dead-letter stream.
func (k Keys) Dead(group string) string { return k.prefix + "dead:" + group }

// Attempts is the key of the hash from an entry's ID to the Note of its last failed try.
func (k Keys) Attempts(group string) string { return k.prefix + "attempts:" + group }

// Groups is the key of the hash of registered groups.
func (k Keys) Groups() string { return k.prefix + "groups" }

// Consumers is the key of the hash from a consumer to when it last showed life.
func (k Keys) Consumers(group string) string { return k.prefix + "consumers:" + group }

// Sweep is the key of the guard that says who sweeps group now.
func (k Keys) Sweep(group string) string { return k.prefix + "sweep:" + group }

// Done is the key of the dedupe marker of an event in group.
func (k Keys) Done(group, event, eventID string) string {
	return k.prefix + "done:" + group + ":" + eventKey(event, eventID)
}

// Result is the key of what group's handler left as the result of an entry.
func (k Keys) Result(group string, id ID) string {
	return k.prefix + "results:" + group + ":" + id.String()
}

// Published is the key of the marker that makes publishing an event safe to repeat.
func (k Keys) Published(event, eventID string) string {
	return k.prefix + "published:" + eventKey(event, eventID)
}

// PublishedBatch is the key of the marker that makes publishing events together safe to repeat: digest stands for all that
// they hold.
func (k Keys) PublishedBatch(digest string) string { return k.prefix + "published-batch:" + digest }

// Of is the key of what a kind of handler keeps for an event under a key of its own, such as `{stock}:reserved:...`: word
// says what it is.
func (k Keys) Of(word, event, eventID string) string {
	return k.prefix + word + ":" + eventKey(event, eventID)
}

// eventKey joins an event's name and ID so that no two pairs share a key: a colon in the name is written %3A. An ID of
// more than 128 bytes stands as its SHA-256.
func eventKey(event, eventID string) string {
	if len(eventID) > 128 {
		sum := sha256.Sum256([]byte(eventID))
		eventID = hex.EncodeToString(sum[:])
	}
	return escapeColon.Replace(event) + ":" + eventID
}

var escapeColon = strings.NewReplacer("%", "%25", ":", "%3A")
