package stream

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// unwrap takes a queue library's envelope apart: where exactly one field holds a JSON object with an event's name in
// it, it returns the object's members as fields, before the entry's other fields. The data is the object's `data` or
// `payload`, and the whole object where it has neither.
func unwrap(fields []Field) ([]Field, bool) {
	found := -1
	var members map[string]json.RawMessage
	for index, field := range fields {
		object, ok := namedObject(field)
		if !ok {
			continue
		}
		if found >= 0 {
			return nil, false
		}
		found, members = index, object
	}
	if found < 0 {
		return nil, false
	}
	unwrapped := membersAsFields(members, fields[found].Value)
	unwrapped = append(unwrapped, fields[:found]...)
	return append(unwrapped, fields[found+1:]...), true
}

// namedObject reads the JSON object with a name in it that field holds. The field `to` is read raw, before all this.
func namedObject(field Field) (map[string]json.RawMessage, bool) {
	if field.Name == "to" || !strings.HasPrefix(strings.TrimLeft(field.Value, " \t\r\n"), "{") {
		return nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(field.Value), &members) != nil {
		return nil, false
	}
	for key, value := range members {
		if isNameKey(key) && value[0] == '"' && unquote(jsonText(value)) != "" {
			return members, true
		}
	}
	return nil, false
}

func isNameKey(key string) bool {
	known, ok := spellingOf(key)
	return ok && known.place == placeName
}

// membersAsFields returns the data first and then the members that say something about the event; with data of its own,
// the object's other members follow as headers in the order of their names.
func membersAsFields(members map[string]json.RawMessage, whole string) []Field {
	dataKey, data := "", whole
	for _, key := range []string{"payload", "data"} {
		if value, ok := members[key]; ok {
			dataKey, data = key, jsonText(value)
		}
	}
	fields := make([]Field, 0, len(members)+1)
	fields = append(fields, Field{Name: "data", Value: data})
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if key == dataKey || key == "to" || !fitsField(key, members[key], dataKey != "") {
			continue
		}
		fields = append(fields, Field{Name: key, Value: jsonText(members[key])})
	}
	return fields
}

// fitsField tells whether a member can stand as a field: a known one as text or number, the name as text alone.
func fitsField(key string, value json.RawMessage, withHeaders bool) bool {
	known, ok := spellingOf(key)
	switch {
	case !ok || known.place == placeData:
		return withHeaders || isCloudEvent(key)
	case known.place == placeName:
		return value[0] == '"'
	default:
		return value[0] == '"' || value[0] >= '0' && value[0] <= '9'
	}
}

// jsonText is a JSON string's content, "" for null, and any other value as it is written.
func jsonText(value json.RawMessage) string {
	var content string
	if value[0] == '"' && json.Unmarshal(value, &content) == nil {
		return content
	}
	if string(value) == "null" {
		return ""
	}
	return string(value)
}
