package stream

import (
	"strconv"
	"time"
)

// The parts of a script's reply. What has another type than the script's head says reads as its zero value.

func replyText(part any) string {
	text, _ := part.(string)
	return text
}

func replyNumber(part any) int {
	switch value := part.(type) {
	case int64:
		return int(value)
	case string:
		number, _ := strconv.Atoi(value)
		return number
	default:
		return 0
	}
}

func replyList(part any) []any {
	list, _ := part.([]any)
	return list
}

// replyAt is an element of a list that may be shorter.
func replyAt(list []any, index int) any {
	if index >= len(list) {
		return nil
	}
	return list[index]
}

// replyID reads an ID; none at all, "", is the zero ID.
func replyID(part any) ID {
	id, _ := ParseID(replyText(part))
	return id
}

// serverTime reads milliseconds since 1970; anything else is the zero time.
func serverTime(text string) time.Time {
	milliseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return timeAt(milliseconds)
}

// timeAt is so many milliseconds after 1970, at most the end of the year 9999: JSON knows no later time (RFC 3339).
func timeAt(milliseconds int64) time.Time {
	return time.UnixMilli(max(0, min(milliseconds, lastMillisecond))).UTC()
}

const lastMillisecond = 253_402_300_799_999

// replyMap reads a list of name, value, name, value and so on.
func replyMap(list []any) map[string]string {
	values := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		values[replyText(list[i])] = replyText(list[i+1])
	}
	return values
}

// parseIDs reads a list of IDs.
func parseIDs(reply []any) ([]ID, error) {
	var ids []ID
	for _, element := range reply {
		id, err := ParseID(replyText(element))
		if err != nil {
			return nil, errUnexpectedReply
		}
		ids = append(ids, id)
	}
	return ids, nil
}
