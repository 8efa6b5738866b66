package stream

import "strings"

// Decoder decodes entries that come one after the other, for one goroutine. The zero Decoder is Decode without a limit; one
// that was used must not be copied.
type Decoder struct {
	DecodeOptions
	memory []byte // what is left of the piece where the texts of small events go, always empty
}

// How many bytes of events lie together in one piece of memory, which stays as long as anything of one of them is kept; and
// how many an event may have to be among them.
const (
	pieceBytes   = 16 << 10
	mostOfAPiece = 4 << 10
)

// Decode does what the function Decode does, at less cost: it writes to event, and small events share a piece of memory.
func (d *Decoder) Decode(entry Entry, event *Event) error {
	var decoded Event // pieced together where the garbage collector need not be told of each piece
	lasting, err := d.decode(&entry, &decoded)
	if !lasting {
		d.keep(&decoded)
	}
	*event = decoded
	return err
}

// keep moves the event's texts to where they last.
func (d *Decoder) keep(event *Event) {
	size := event.textBytes()
	if size > mostOfAPiece {
		event.moveTo(make([]byte, 0, size))
		return
	}
	if cap(d.memory) < size {
		d.memory = make([]byte, 0, pieceBytes)
	}
	d.memory = event.moveTo(d.memory)
}

// texts are all of the event's but its headers.
func (e *Event) texts() [6]*string {
	return [...]*string{&e.Name, &e.ID, &e.AggregateID, &e.To, &e.ReplayOf, &e.TraceParent}
}

// textBytes is how many bytes moveTo needs.
func (e *Event) textBytes() int {
	size := len(e.Data)
	for _, text := range e.texts() {
		size += len(*text)
	}
	return size
}

// moveTo moves the event's texts and data into memory, which is empty and has room for them, and returns what is left of that.
// Its headers get memory of their own.
func (e *Event) moveTo(memory []byte) (left []byte) {
	for _, text := range e.texts() {
		if size := len(*text); size > 0 {
			memory = append(memory, *text...)
			*text, memory = textOf(memory), memory[size:]
		}
	}
	size := len(e.Data)
	memory = append(memory, e.Data...)
	e.Data, memory = memory[:size:size], memory[size:]
	if len(e.Headers) > 0 {
		headers := make(map[string]string, len(e.Headers))
		for name, value := range e.Headers {
			headers[strings.Clone(name)] = strings.Clone(value)
		}
		e.Headers = headers
	}
	return memory
}
