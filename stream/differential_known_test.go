package stream_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/stream"
)

// knownDifference is one way in which a server is known to differ from the installed redis-server.
type knownDifference struct {
	server string // how its name begins
	reason string
	// is tells whether all that was found different after an operation is of this kind.
	is func(operation string, found []difference) bool
}

const (
	embeddedName = "embedded"
	reply        = "reply" // where a difference is that is in no key
	otherNames   = "has another opinion of whether a read or claim of nothing makes a consumer's name"
)

var knownDifferences = []knownDifference{
	{
		embeddedName, "refuses to remove a consumer that has something pending",
		func(operation string, found []difference) bool {
			return operation == "XGROUP DELCONSUMER" && strings.HasPrefix(gotReply(found), "error")
		},
	},
	{
		embeddedName, "says a wrong number of pending entries, lost with a deleted one, where it removes an empty consumer",
		func(operation string, found []difference) bool {
			return operation == "XGROUP DELCONSUMER" && isReply(found)
		},
	},
	{
		embeddedName, "does not count the acks of deleted entries",
		func(operation string, found []difference) bool { return operation == "ack" && isReply(found) },
	},
	{
		embeddedName, "keeps a deleted entry pending that XCLAIM asks for",
		func(operation string, found []difference) bool {
			return operation == "steal" && len(found) == 1 && found[0].where == stream.DefaultName
		},
	},
}

// gotReply is the reply that differs, "" where it is the same.
func gotReply(found []difference) string {
	for _, one := range found {
		if one.where == reply {
			return one.got
		}
	}
	return ""
}

// isReply tells whether nothing but the reply differs.
func isReply(found []difference) bool { return len(found) == 1 && found[0].where == reply }

// known returns why a server may differ so from the first one, or "" where that is not known.
func known(server, operation string, found []difference) string {
	for _, known := range knownDifferences {
		if strings.HasPrefix(server, known.server) && known.is(operation, found) {
			return server + " " + known.reason
		}
	}
	return ""
}

// claimsNothing are the operations that may name a consumer and hand it nothing.
var claimsNothing = []string{"read", "release", "renew", "sweep", "adopt", "steal", "fall silent"}

// sameNames gives the side the names of consumers that the first one has, and takes away those that it has not. Whether a
// read or a claim of nothing makes its consumer's name is a question that every version answers in its own way.
func (s *side) sameNames(want, got view) (changed bool) {
	key := s.client.Keys().Stream()
	for group, names := range got.names {
		for _, name := range names {
			holds := func(entry held) bool { return entry.consumer == name }
			if !slices.Contains(want.names[group], name) && !slices.ContainsFunc(slices.Collect(maps.Values(got.owners[group])), holds) {
				s.raw("XGROUP", "DELCONSUMER", key, group, name)
				changed = true
			}
		}
	}
	for group, names := range want.names {
		for _, name := range names {
			if !slices.Contains(got.names[group], name) {
				s.raw("XGROUP", "CREATECONSUMER", key, group, name)
				changed = true
			}
		}
	}
	return changed
}
