package out

import (
	"bytes"
	"io"
	"strings"
)

// A Sink takes what a command yields, in order.
type Sink interface {
	// Text is a piece of text as a command formatted it, not always a line.
	Text(s string)
	// Row is one record.
	Row(fields []Field)
	// Warn is one message as MDB prints it, prefix and newline included
	// ("mdb: no symbol corresponds to address\n").
	Warn(msg string)
}

// A Stream is the sink of a session. As text it passes text to Out and leaves
// rows to those who render them (a row given to it is printed as NAME=VALUE
// pairs); with JSON set it writes one object a line: rows as they are, text
// as {"text": line}. Warnings go to Err as text, after Out is flushed.
type Stream struct {
	Out  *Printer
	Err  io.Writer
	JSON bool

	// Paint, if set, changes warnings before they are written: colours.
	Paint func(msg string) string

	capture *Printer // takes text in JSON mode
	text    []byte   // of a line that has not ended, in JSON mode
	line    []byte   // the object being made
}

var _ Sink = (*Stream)(nil)

// Printer is where a command writes its text: Out, or in JSON mode a printer
// without wrapping whose lines become objects.
func (s *Stream) Printer() *Printer {
	if !s.JSON {
		return s.Out
	}
	if s.capture == nil {
		s.capture = New(textLines{s}, s.Out.env)
		s.capture.cols = noLimit
	}
	return s.capture
}

// textLines is the writer below a Stream's capturing printer.
type textLines struct{ s *Stream }

func (t textLines) Write(b []byte) (int, error) {
	t.s.jsonText(b)
	return len(b), t.s.Out.err
}

// Printf formats text in MDB's dialect into the stream.
func (s *Stream) Printf(format string, args ...any) { s.Printer().Printf(format, args...) }

// Text passes text on.
func (s *Stream) Text(t string) { s.Printer().WriteString(t) }

// Row writes one record.
func (s *Stream) Row(fields []Field) {
	if !s.JSON {
		s.Out.EndLine()
		s.Out.WriteString(rowText(fields))
		return
	}
	s.endText()
	s.object(fields)
}

// Warn writes a message to the error stream.
func (s *Stream) Warn(msg string) {
	s.endText()
	s.Out.Flush()
	if s.Paint != nil {
		msg = s.Paint(msg)
	}
	if s.Err != nil {
		io.WriteString(s.Err, msg)
	}
}

// EndLine ends a command's output.
func (s *Stream) EndLine() {
	s.Printer().EndLine()
	s.endText()
}

func (s *Stream) jsonText(t []byte) {
	s.text = append(s.text, t...)
	for {
		i := bytes.IndexByte(s.text, '\n')
		if i < 0 {
			return
		}
		s.textObject(s.text[:i])
		s.text = append(s.text[:0], s.text[i+1:]...)
	}
}

// endText writes the text there is, a line that has no newline yet included.
func (s *Stream) endText() {
	if s.capture != nil {
		s.capture.Flush()
		s.capture.Discard()
	}
	if len(s.text) > 0 {
		s.textObject(s.text)
		s.text = s.text[:0]
	}
}

func (s *Stream) textObject(t []byte) {
	s.object([]Field{{"text", string(t)}})
}

func (s *Stream) object(fields []Field) {
	s.line = append(AppendJSON(s.line[:0], fields), '\n')
	s.Out.RawLine(s.line)
}

// RawLine writes whole lines, newlines included, as they are: neither wrapped
// nor indented. A line under way is ended before.
func (p *Printer) RawLine(b []byte) {
	p.unindent()
	if p.col != 0 {
		p.newline()
		p.unindent()
	}
	p.buf = append(p.buf, b...)
	full := len(p.buf)
	p.beginLine()
	if p.w != nil && (p.tty || full >= flushSize || p.err != nil) {
		p.writeOut(full)
	}
}

func rowText(fields []Field) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name + "=" + asString(f.Value))
	}
	b.WriteByte('\n')
	return b.String()
}

// A Recorder is a sink that keeps what it gets, for tests and for commands
// that work on the output of others.
type Recorder struct{ Events []Event }

// An Event is one piece of output; exactly one member is set.
type Event struct {
	Text string
	Row  []Field
	Warn string
}

var _ Sink = (*Recorder)(nil)

// Text keeps text.
func (r *Recorder) Text(s string) { r.Events = append(r.Events, Event{Text: s}) }

// Row keeps a copy of the row.
func (r *Recorder) Row(fields []Field) {
	r.Events = append(r.Events, Event{Row: append([]Field(nil), fields...)})
}

// Warn keeps a warning.
func (r *Recorder) Warn(msg string) { r.Events = append(r.Events, Event{Warn: msg}) }
