package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// errUnexpectedReply is a reply of another shape than the command or script documents.
var errUnexpectedReply = errors.New("the server's reply has an unexpected shape: is it Redis 7.0 or newer, or Valkey?")

// IsNoGroup tells whether err says that the group or the whole stream is gone (XGROUP DESTROY, DEL, FLUSHALL). A blocked
// read is told so in words of its own (Redis, "XREADGROUP").
func IsNoGroup(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "NOGROUP") || strings.Contains(text, "UNBLOCKED the stream key no longer exists")
}

// explain puts what the operator can do behind those of Redis' answers that mean more than they say.
func explain(err error) error {
	for prefix, advice := range advices {
		if redis.HasErrorPrefix(err, prefix) {
			return fmt.Errorf("%w (%s)", err, advice)
		}
	}
	return err
}

var advices = map[string]string{
	"NOAUTH":    "the server wants a password: put it in the URL, redis://user:password@host:6379",
	"WRONGPASS": "the user name or password in the URL is wrong",
	"NOPERM":    "the Redis user lacks a permission: grant it with ACL SETUSER",
	// What a script meets instead of NOPERM in Redis 7.0 and in newer servers, and a long command instead of NOAUTH.
	"The user executing the script can't": "the Redis user lacks a permission: grant it with ACL SETUSER",
	"ACL failure in script":               "the Redis user lacks a permission: grant it with ACL SETUSER",
	"Protocol error: unauthenticated":     "the server wants a password: put it in the URL, redis://user:password@host:6379",
	"WRONGTYPE":                           "the stream's key holds something that is no stream: choose another stream name",
	"OOM":                                 "Redis has no memory left: raise maxmemory or shorten the retention",
	"MISCONF":                             "Redis cannot write to its disk",
	"READONLY":                            "this Redis is a replica: connect to the master",
	"NOREPLICAS": "this Redis has fewer replicas than min-replicas-to-write asks for, as after a failover: it takes writes again " +
		"by itself when they are back",
	"LOADING": "Redis is reading its data from disk and will be ready by itself",
}

// isPassing tells whether asking again can help: the link broke, or Redis said that it is not ready.
func isPassing(err error) bool {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return !errors.Is(err, context.Canceled)
	}
	return redis.IsLoadingError(err) || redis.IsReadOnlyError(err) || redis.IsMasterDownError(err) ||
		redis.IsClusterDownError(err) || redis.IsTryAgainError(err) || redis.IsMaxClientsError(err) ||
		redis.IsNoReplicasError(err) || redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK") ||
		errors.Is(err, redis.ErrPoolTimeout)
}

// IsRefusal tells whether err is an answer of Redis that asking again at once will not change: a missing permission, a key
// of another type, no memory.
func IsRefusal(err error) bool {
	_, answered := errors.AsType[redis.Error](err)
	return answered && !isPassing(err) && !IsNoGroup(err)
}
