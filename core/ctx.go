package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Ctx is one invocation of a dcmd. The engine makes one per stage of a pipeline
// and calls Run with it for each element.
type Ctx struct {
	context.Context
	*Session
	Dcmd *Dcmd
	P    *out.Printer // where the text of this stage goes
	// Rows takes the records of this stage in JSON mode, in which P makes
	// objects of lines of text; nil in text mode.
	Rows *out.Stream

	Addr    uint64 // the address given, else dot
	HasAddr bool   // an address was given explicitly, or came from a pipe
	Count   uint64
	Loop    bool // called repeatedly, by a count or a pipe
	First   bool // first call of a loop
	PipeIn  bool
	PipeOut bool
	Type    *ctype.Type // of what lies at Addr, if the pipe knows
	Args    []Arg       // what follows the options

	// State is the dcmd's own, kept from one element of a stage to the next:
	// a compiled member path, a running sum.
	State any

	// The engine's side of the stage.
	Stage *Stage
}

// Stage is what the engine keeps of one stage of a pipeline. Dcmds use the
// methods of Ctx.
type Stage struct {
	In      *Pipe // whole input; nil if the stage has none
	Pos     int   // index in In of the element being run
	Out     *Pipe // nil if output is text
	RawArgs []Arg // with the options
	opts    [128]optVal
	headed  bool

	rowType  *ctype.Type // see Ctx.rowType
	rowTyped bool
	finish   []func() error
}

type optVal struct {
	set bool
	n   uint64
	str string
}

// Header tells that a table's heading is due: the first call of a loop, or no
// loop, and output is text.
func (c *Ctx) Header() bool { return (c.First || !c.Loop) && !c.PipeOut }

// Dot is the current dot.
func (c *Ctx) Dot() uint64 { return c.Frame.Dot }

// SetDot moves dot.
func (c *Ctx) SetDot(v uint64) { c.Frame.Dot = v }

// Printf writes text in MDB's printf dialect. Into a pipe, each line of text is
// an expression whose value is one element.
func (c *Ctx) Printf(format string, args ...any) { c.P.Printf(format, args...) }

// Warnf writes a warning. An error as the last argument beyond the format's
// needs is not special: use Warn for MDB's ": reason" ending.
func (c *Ctx) Warnf(format string, args ...any) { c.Session.Warnf(format, args...) }

// Warn writes a warning that ends in the reason of err, as MDB's mdb_warn does
// with errno, and returns ErrFailed.
func (c *Ctx) Warn(err error, format string, args ...any) error {
	c.Session.Warnf(format+": %s", append(args, Reason(err))...)
	return ErrFailed
}

// Warnf writes a warning line to the session's error stream, after what was
// written to its output before, and notes that there was one. The text may have the
// newline of a format of MDB's, where it tells that no reason follows.
func (s *Session) Warnf(format string, args ...any) {
	s.Complained = true
	s.Notef(format, args...)
}

// Notef writes a line as Warnf does, of what MDB says in that way though nothing is wrong:
// how far a command has come, why a process stopped.
func (s *Session) Notef(format string, args ...any) {
	s.Out.Flush()
	msg := fmt.Sprintf("%s: %s\n", s.Prog, strings.TrimSuffix(out.Sprintf(s.OutEnv(), format, args...), "\n"))
	if s.Paint != nil && !s.log.on {
		msg = s.Paint(msg)
	}
	io.WriteString(s.Stderr, msg)
}

// Fail reports err as a warning unless it has been reported, and gives the error
// that the engine goes on with.
func (s *Session) Fail(err error) error {
	var syntax *lang.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFailed), errors.Is(err, ErrUsage), errors.Is(err, ErrNext),
		errors.Is(err, ErrAbort), errors.Is(err, ErrQuit), errors.Is(err, ErrIntr):
		return err
	case errors.As(err, &syntax):
		return err // the interpreter reports it
	case errors.Is(err, context.Canceled):
		return ErrIntr
	}
	s.Warnf("%s", err.Error())
	return ErrFailed
}

// Emit puts a value into the pipe; t is the type of what it is the address of,
// nil if unknown. Without a pipe it prints the value on a line.
func (c *Ctx) Emit(v uint64, t *ctype.Type) {
	if !c.PipeOut {
		c.Record(func() { c.Printf("%#lr\n", v) }, out.Field{Name: "value", Value: out.Hex(v)})
		return
	}
	c.P.Flush() // text written before comes before
	c.Stage.Out.Add(v, t)
}

// EmitList is Emit for a list of values of one type, which the pipe keeps.
func (c *Ctx) EmitList(list []uint64, t *ctype.Type) {
	if c.PipeOut && len(c.Stage.Out.Vals) == 0 && len(c.Stage.Out.Cols) == 0 {
		c.P.Flush()
		c.Stage.Out.Vals, c.Stage.Out.Type = list, t
		return
	}
	for _, v := range list {
		c.Emit(v, t)
	}
}

// Input takes the whole rest of the pipe, the current element first; the engine
// then does not call Run again for this stage. Without a pipe it is the address
// given, or nothing.
func (c *Ctx) Input() []uint64 {
	if c.Stage == nil || c.Stage.In == nil {
		if c.HasAddr {
			return []uint64{c.Addr}
		}
		return nil
	}
	rest := c.Stage.In.Vals[c.Stage.Pos:]
	c.Stage.Pos = len(c.Stage.In.Vals)
	return rest
}

// WalkVar makes a variable follow the values emitted from now on, as the last
// word of ::walk does. The caller sets the variable before each Emit.
func (c *Ctx) WalkVar(name string) (*Var, error) {
	v := c.Vars.Lookup(name)
	if v == nil {
		v = c.Vars.Define(&Var{Name: name})
	}
	if v.Flags&VarReadOnly != 0 {
		return nil, fmt.Errorf("variable %s is read-only", name)
	}
	if c.PipeOut {
		c.Stage.Out.Cols = append(c.Stage.Out.Cols, VarCol{Var: v})
	}
	return v, nil
}

// AtEnd calls f once after the last element of the stage has been run, before
// the stage's output is passed on: for a count or a sorted list.
func (c *Ctx) AtEnd(f func() error) { c.Stage.finish = append(c.Stage.finish, f) }

// Finish runs what AtEnd collected. The engine calls it.
func (st *Stage) Finish() error {
	for _, f := range st.finish {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// Row writes one row of the dcmd's Table: values in the order of its columns.
func (c *Ctx) Row(vals ...any) {
	t := c.Dcmd.Table
	if c.PipeOut {
		if v, ok := asUint(vals[t.Pipe]); ok {
			c.Emit(v, c.rowType())
		}
		return
	}
	if c.Opts.JSON {
		fields := make([]out.Field, len(t.Cols))
		for i, col := range t.Cols {
			fields[i] = out.Field{Name: col.Name, Value: vals[i]}
		}
		c.writeJSON(fields)
		return
	}
	c.Head()
	c.Printf(t.Line, vals...)
}

// rowType is the type of what a row's address in a pipe is the address of, looked
// up once a stage; nil if the table names none or the target has none of the name.
func (c *Ctx) rowType() *ctype.Type {
	if c.Stage.rowType == nil && !c.Stage.rowTyped && c.Dcmd.Table.Type != "" {
		c.Stage.rowType, _ = c.LookupType(c.Dcmd.Table.Type)
		c.Stage.rowTyped = true
	}
	return c.Stage.rowType
}

// Head prints the heading of the dcmd's Table if it is due and not yet printed.
func (c *Ctx) Head() {
	if t := c.Dcmd.Table; t.Head != "" && !c.Opts.JSON && !c.Stage.headed && c.Header() {
		heads := make([]any, len(t.Cols))
		for i, col := range t.Cols {
			heads[i] = col.Head
		}
		c.Printf(t.Head, heads...)
		c.Stage.headed = true
	}
}

// Record yields one record of a text dcmd: JSON fields, or what render prints.
func (c *Ctx) Record(render func(), fields ...out.Field) {
	if c.Opts.JSON && !c.PipeOut {
		c.writeJSON(fields)
		return
	}
	render()
}

func (c *Ctx) writeJSON(fields []out.Field) {
	if c.Rows != nil {
		c.Rows.Row(fields)
		return
	}
	c.P.RawLine(append(out.AppendJSON(nil, fields), '\n'))
}

// asUint gives an integer of any kind as 64 bits.
func asUint(v any) (uint64, bool) {
	switch r := reflect.ValueOf(v); {
	case r.CanUint():
		return r.Uint(), true
	case r.CanInt():
		return uint64(r.Int()), true
	}
	return 0, false
}

// Read fills p from the current address space.
func (c *Ctx) Read(a uint64, p []byte) error { return mem.ReadFull(c.Space(), p, mem.Addr(a)) }

// ReadPtr reads a pointer of the target's width.
func (c *Ctx) ReadPtr(a uint64) (uint64, error) {
	ar := c.Arch()
	return mem.ReadUint(c.Space(), mem.Addr(a), ar.PtrSize, ar.Order)
}

// ReadUint reads an unsigned integer of 1, 2, 4 or 8 bytes.
func (c *Ctx) ReadUint(a uint64, size int) (uint64, error) {
	return mem.ReadUint(c.Space(), mem.Addr(a), size, c.Arch().Order)
}
