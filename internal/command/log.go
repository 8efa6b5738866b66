package command

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/consumers"
)

// A flood of equal lines is thinned out: of each message the first sampleFirst in a second are logged, and every
// sampleThereafter-th after that.
const (
	sampleFirst      = 100
	sampleThereafter = 100
)

// NewLogger returns a logger that writes to w in the configured format and level: without one, for people where w is a
// terminal and in JSON elsewhere. Text from events cannot begin a line of its own.
func NewLogger(config Config, w io.Writer) *zap.Logger {
	format := cmp.Or(config.LogFormat, "json")
	if config.LogFormat == "" && isTerminal(w) {
		format = "console"
	}
	core := zapcore.NewCore(newEncoder(format), zapcore.Lock(zapcore.AddSync(w)), config.LogLevel)
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Second, sampleFirst, sampleThereafter))
}

func newEncoder(format string) zapcore.Encoder {
	config := zap.NewProductionEncoderConfig()
	config.TimeKey = "time"
	config.EncodeTime = zapcore.ISO8601TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	if format == "json" {
		return plainEncoder{zapcore.NewJSONEncoder(config)}
	}
	config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
	config.EncodeLevel = zapcore.CapitalLevelEncoder
	config.ConsoleSeparator = "  "
	return plainEncoder{consoleEncoder{zapcore.NewConsoleEncoder(config)}}
}

// consoleEncoder keeps a message on its line. zap's own encoder quotes the fields and writes the message as it is, and
// the standard library's HTTP server may put there what a client sent.
type consoleEncoder struct{ zapcore.Encoder }

// Clone returns a copy, for a logger with fields of its own.
func (e consoleEncoder) Clone() zapcore.Encoder { return consoleEncoder{e.Encoder.Clone()} }

// EncodeEntry writes one line.
func (e consoleEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	entry.Message = oneLine(entry.Message)
	return e.Encoder.EncodeEntry(entry, fields)
}

// plainEncoder escapes what a terminal would obey. zap's own encoders escape what JSON must have escaped, which DEL, the
// C1 controls and the characters that turn the direction of text are not.
type plainEncoder struct{ zapcore.Encoder }

// Clone returns a copy, for a logger with fields of its own.
func (e plainEncoder) Clone() zapcore.Encoder { return plainEncoder{e.Encoder.Clone()} }

// EncodeEntry writes one line.
func (e plainEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil || bytes.IndexFunc(line.Bytes(), isObeyed) < 0 {
		return line, err
	}
	plain := escapeObeyed(line.String())
	line.Reset()
	line.AppendString(plain)
	return line, nil
}

// withoutOutcomes leaves the lines of single deliveries out, for a terminal on which a feed shows the same.
type withoutOutcomes struct{ zapcore.Core }

// With returns a copy with fields of its own.
func (c withoutOutcomes) With(fields []zapcore.Field) zapcore.Core {
	return withoutOutcomes{c.Core.With(fields)}
}

// Check passes on what is to be logged.
func (c withoutOutcomes) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.LoggerName == consumers.OutcomeLogger {
		return checked
	}
	return c.Core.Check(entry, checked)
}

// isTerminal tells whether w is a terminal, or another device that shows what it is sent.
func isTerminal(w any) bool {
	file, isFile := w.(*os.File)
	if !isFile {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
