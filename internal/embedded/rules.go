package embedded

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rule says how a command must look to be passed on to miniredis.
type rule struct {
	least, most int                       // the number of arguments
	shape       func(args []string) error // what else must hold of them; nil: nothing
}

// many is a rule's most where there is no upper bound.
const many = -1

// rules is the list of all commands that are allowed: what clients send when they connect, what streams, hashes,
// strings and transactions need, and what Millrace's own scripts call.
var rules = map[string]rule{
	"PING": {0, 1, nil}, "ECHO": {1, 1, nil}, "HELLO": {0, 6, nil}, "AUTH": {1, 2, nil}, "QUIT": {0, many, nil},
	"SELECT": {1, 1, shapeSelect}, "CLIENT": {1, 4, shapeClient}, "COMMAND": {0, 0, nil}, "INFO": {0, many, nil},
	"TIME": {0, 0, nil}, "WAIT": {2, 2, nil},

	"XADD": {4, many, shapeAdd}, "XLEN": {1, 1, nil}, "XDEL": {2, many, shapeIDs(1)}, "XTRIM": {3, 6, shapeTrim},
	"XRANGE": {3, 5, shapeRange}, "XREVRANGE": {3, 5, shapeRange}, "XREAD": {3, many, shapeRead},
	"XREADGROUP": {6, many, shapeReadGroup}, "XACK": {3, many, shapeIDs(2)}, "XPENDING": {2, 8, shapePending},
	"XCLAIM": {5, many, shapeClaim}, "XAUTOCLAIM": {5, 8, shapeAutoclaim}, "XGROUP": {3, 5, shapeGroup},
	"XINFO": {2, 3, shapeInfo},

	"GET": {1, 1, nil}, "SET": {2, 7, shapeSet}, "SETNX": {2, 2, nil}, "SETEX": {3, 3, shapeTime(1, maxSeconds)},
	"PSETEX": {3, 3, shapeTime(1, maxMilliseconds)}, "GETSET": {2, 2, nil}, "GETDEL": {1, 1, nil},
	"MGET": {1, many, nil}, "INCR": {1, 1, nil}, "INCRBY": {2, 2, nil}, "DECR": {1, 1, nil}, "DECRBY": {2, 2, nil},
	"STRLEN": {1, 1, nil},

	"DEL": {1, many, nil}, "UNLINK": {1, many, nil}, "EXISTS": {1, many, nil}, "TYPE": {1, 1, nil},
	"TTL": {1, 1, nil}, "PTTL": {1, 1, nil}, "PERSIST": {1, 1, nil}, "EXPIRE": {2, 4, shapeTime(1, maxSeconds)},
	"PEXPIRE": {2, 4, shapeTime(1, maxMilliseconds)}, "KEYS": {1, 1, shapeKeys}, "SCAN": {1, 7, shapeScan(0)},
	"DBSIZE": {0, 0, nil}, "FLUSHALL": {0, 1, nil}, "FLUSHDB": {0, 1, nil},

	"HSET": {3, many, shapePairs}, "HMSET": {3, many, shapePairs}, "HSETNX": {3, 3, nil}, "HGET": {2, 2, nil},
	"HMGET": {2, many, nil}, "HGETALL": {1, 1, nil}, "HDEL": {2, many, nil}, "HINCRBY": {3, 3, nil},
	"HLEN": {1, 1, nil}, "HEXISTS": {2, 2, nil}, "HKEYS": {1, 1, nil}, "HVALS": {1, 1, nil},
	"HSCAN": {2, 6, shapeScan(1)},

	"MULTI": {0, 0, nil}, "EXEC": {0, 0, nil}, "DISCARD": {0, 0, nil}, "WATCH": {1, many, nil}, "UNWATCH": {0, 0, nil},

	"EVAL": {2, many, shapeEval}, "EVALSHA": {2, many, shapeEval}, "SCRIPT": {2, many, shapeScript},
}

// The longest times to live that do not overflow a time.Duration.
const (
	maxSeconds      = 9_000_000_000
	maxMilliseconds = 1000 * maxSeconds
)

var errSyntax = errors.New("ERR syntax error")

func isInteger(text string, least, most int64) bool {
	number, err := strconv.ParseInt(text, 10, 64)
	return err == nil && number >= least && number <= most
}

func shapeSelect(args []string) error {
	if args[0] != "0" {
		return errors.New("ERR DB index is out of range: the embedded server has database 0 alone")
	}
	return nil
}

func shapeClient(args []string) error {
	switch strings.ToUpper(args[0]) {
	case "SETNAME", "GETNAME", "SETINFO", "ID":
		return nil
	}
	return notAvailable("'CLIENT' with this subcommand")
}

func shapePairs(args []string) error {
	if len(args)%2 == 0 {
		return errors.New("ERR wrong number of arguments: expected a key, then pairs of field and value")
	}
	return nil
}

// shapeTime bounds the time to live that stands at args[at].
func shapeTime(at int, most int64) func([]string) error {
	return func(args []string) error {
		if !isInteger(args[at], -most, most) {
			return errors.New("ERR value is not an integer or out of range")
		}
		return nil
	}
}

func shapeSet(args []string) error {
	for i := 2; i < len(args); i++ {
		most := int64(maxMilliseconds)
		switch strings.ToUpper(args[i]) {
		case "NX", "XX", "GET", "KEEPTTL":
			continue
		case "EX", "EXAT":
			most = maxSeconds
		case "PX", "PXAT":
		default:
			return errSyntax
		}
		i++
		if i == len(args) {
			return errSyntax
		}
		if !isInteger(args[i], 1, most) {
			return errors.New("ERR invalid expire time in 'set' command")
		}
	}
	return nil
}

func shapeKeys(args []string) error { return checkPattern(args[0]) }

// checkPattern refuses the patterns of which miniredis makes a broken regular expression.
func checkPattern(pattern string) error {
	if len(pattern) > 1024 || !utf8.ValidString(pattern) || strings.ContainsAny(pattern, `[]\`) {
		return notAvailable("a pattern with more than letters, * and ?")
	}
	return nil
}

// shapeScan checks a scan whose cursor stands at args[at].
func shapeScan(at int) func([]string) error {
	return func(args []string) error {
		if !isInteger(args[at], 0, 1<<62) {
			return errors.New("ERR invalid cursor")
		}
		for i := at + 1; i < len(args); i += 2 {
			if i+1 == len(args) {
				return errSyntax
			}
			if strings.EqualFold(args[i], "MATCH") {
				if err := checkPattern(args[i+1]); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func shapeEval(args []string) error {
	if !isInteger(args[1], 0, int64(len(args)-2)) {
		return fmt.Errorf("ERR Number of keys must be from 0 to the number of arguments, %d", len(args)-2)
	}
	return nil
}

func shapeScript(args []string) error {
	switch strings.ToUpper(args[0]) {
	case "LOAD":
		if len(args) != 2 {
			return errSyntax
		}
		return nil
	case "EXISTS":
		return nil
	}
	return notAvailable("'SCRIPT' with this subcommand")
}
