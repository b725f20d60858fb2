package interp

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/out"
)

// chunk is how much text a pipe holds before it is parsed, in bytes. MDB's holds
// as much: warnings of a stage come before the error about its text accordingly.
const chunk = 1024

// sink takes the output of a stage: each line of text is an expression, whose
// value is an element of the pipe.
type sink struct {
	in     *Interp
	ctx    context.Context
	cancel func() // ends the stage
	pipe   *core.Pipe
	outer  *out.Printer // where the session writes to while the text is evaluated
	dot    uint64       // of the frame in which the text is evaluated
	text   []byte       // not parsed yet
	lines  int          // parsed
	err    error        // the text is no list of addresses; reported
}

// newSink makes the sink of a stage. Walk variables in use on its input go on
// through its output.
func newSink(in *Interp, ctx context.Context, input *core.Pipe) *sink {
	k := &sink{in: in, ctx: ctx, pipe: &core.Pipe{}, outer: in.s.Out, dot: in.s.Frame.Dot}
	if input != nil {
		for _, col := range input.Cols {
			k.pipe.Cols = append(k.pipe.Cols, core.VarCol{Var: col.Var})
		}
	}
	return k
}

// Write takes text of the stage.
func (k *sink) Write(p []byte) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	k.text = append(k.text, p...)
	if len(k.text) >= chunk {
		k.parse()
	}
	return len(p), k.err
}

// add appends a value that an expression had.
func (k *sink) add(v uint64) { k.pipe.Add(v, nil) }

// parse evaluates the complete lines that are there.
func (k *sink) parse() {
	end := bytes.LastIndexByte(k.text, '\n') + 1
	for at := 0; at < end && k.err == nil; {
		n := bytes.IndexByte(k.text[at:end], '\n') + 1
		k.line(k.text[at : at+n])
		at += n
	}
	k.text = append(k.text[:0], k.text[end:]...)
}

// end evaluates what is left.
func (k *sink) end() error {
	if k.err == nil {
		k.parse()
	}
	if k.err == nil && len(k.text) > 0 {
		k.line(k.text)
	}
	return k.err
}

// line evaluates one line. Plain numbers, which is what nearly all lines are,
// need no parser.
func (k *sink) line(text []byte) {
	k.lines++
	if v, ok := plainNumber(text, k.in.s.Opts.Radix); ok {
		k.dot = v
		k.add(v)
		return
	}
	k.evaluate(string(text))
}

// plainNumber reads a line that is a number: with the prefix 0x, or beginning
// with a digit in the current radix. Blanks may surround it.
func plainNumber(text []byte, radix int) (uint64, bool) {
	t := bytes.Trim(text, " \t\n")
	if len(t) == 0 || t[0] < '0' || t[0] > '9' {
		return 0, false
	}
	if len(t) > 2 && t[0] == '0' && t[1] == 'x' {
		radix, t = 16, t[2:]
	}
	if len(t) > 15 {
		return longNumber(t, radix)
	}
	var v uint64
	for _, c := range t {
		d := int(c - '0')
		if c >= 'a' && c <= 'f' {
			d = int(c-'a') + 10
		} else if c > '9' || c < '0' {
			return 0, false
		}
		if d >= radix {
			return 0, false
		}
		v = v*uint64(radix) + uint64(d)
	}
	return v, true
}

func longNumber(t []byte, radix int) (uint64, bool) {
	for _, c := range t {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return 0, false
		}
	}
	v, err := lang.ParseDigits(string(t), radix)
	return v, err == nil
}

// feeder is the source of the parser of a pipe.
type feeder struct{ line string }

func (f *feeder) ReadLine() (string, error) {
	if f.line == "" {
		return "", io.EOF
	}
	line := f.line
	f.line = ""
	return line, nil
}

// evaluate parses and evaluates a line in a frame of its own.
func (k *sink) evaluate(text string) {
	in := k.in
	f := &frame{sink: k}
	f.open(in, &feeder{line: text}, "(pipeline)", lang.InputPipe, k.lines)
	dot, printer := in.s.Frame.Dot, in.s.Out
	// The stage's printer is in the middle of writing to this sink.
	in.s.Frame.Dot, in.s.Out = k.dot, k.outer
	in.frames = append(in.frames, f)
	err := in.loop(k.ctx, f)
	in.frames = in.frames[:len(in.frames)-1]
	in.s.Out = printer
	k.dot = in.s.Frame.Dot
	in.s.Frame.Dot = dot
	if err != nil {
		k.err = err
		if k.cancel != nil {
			k.cancel()
		}
	}
}

// parseList evaluates text that is a list of addresses, one a line.
func (in *Interp) parseList(ctx context.Context, text string, input *core.Pipe) (*core.Pipe, error) {
	k := newSink(in, ctx, input)
	io.Copy(k, strings.NewReader(text))
	return k.pipe, k.end()
}
