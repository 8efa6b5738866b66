package stream

// Field is one name and value of an entry, as the producer sent it: any bytes.
type Field struct {
	Name  string
	Value string
}

// Entry is a record of the stream as Redis holds it: its fields in the order of the XADD, duplicates included. Of one that
// Group.Read has brought all texts are parts of the reply, and each keeps a good deal of that in memory.
type Entry struct {
	ID     ID
	Fields []Field
	// lasting tells that the fields lie in memory that is theirs alone and may be written to, which no constant is. The
	// event that Decode makes of them lies there, too; otherwise it gets memory of its own.
	lasting bool
	// unread is how many bytes of the fields were left out, since they were too many to be kept.
	unread int
}

// Get returns the value of the first field called name that is not empty, and "" where there is none. PHP's null and
// false arrive as empty values, so an empty value counts as an absent one.
func (e Entry) Get(name string) string {
	for _, field := range e.Fields {
		if field.Name == name && field.Value != "" {
			return field.Value
		}
	}
	return ""
}

// Size is the number of bytes in all names and values, those included that a Reader has left out.
func (e Entry) Size() int {
	size := e.unread
	for _, field := range e.Fields {
		size += len(field.Name) + len(field.Value)
	}
	return size
}

func parseEntry(id, fields any) (Entry, error) {
	parsed, err := ParseID(replyText(id))
	if err != nil {
		return Entry{}, errUnexpectedReply
	}
	list := replyList(fields)
	entry := Entry{ID: parsed, Fields: make([]Field, 0, len(list)/2)}
	for i := 0; i+1 < len(list); i += 2 {
		entry.Fields = append(entry.Fields, Field{Name: replyText(list[i]), Value: replyText(list[i+1])})
	}
	return entry, nil
}
