package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/out"
)

// namedField is one field of a JSON record.
func namedField(name string, v any) out.Field { return out.Field{Name: name, Value: v} }

// tagWord tells the words that make a type name of two words.
func tagWord(s string) bool {
	switch s {
	case "struct", "union", "enum", "class":
		return true
	}
	return false
}

// typeName takes a type name off the front of arguments: one word, or two if the
// first is a tag keyword.
func typeName(c *core.Ctx, args []core.Arg) (name string, rest []core.Arg, err error) {
	if len(args) == 0 || args[0].IsImm {
		return "", nil, core.ErrUsage
	}
	word := args[0].Str
	if !tagWord(word) {
		return word, args[1:], nil
	}
	if len(args) == 1 {
		c.Warnf("%s is not a valid type", word)
		return "", nil, core.ErrAbort
	}
	if args[1].IsImm {
		return "", nil, core.ErrUsage
	}
	return word + " " + args[1].Str, args[2:], nil
}

// warnMember reports that a type has no such member in the form that format
// gives it, which ends with the reason.
func warnMember(c *core.Ctx, err error, format string, args ...any) {
	var missing *ctype.NoMemberError
	if errors.As(err, &missing) {
		err = missing.Err
	}
	c.Warn(err, format, args...)
}

// walkVar makes the variable named by the last argument of ::list and ::array.
func walkVar(c *core.Ctx, arg core.Arg) (*core.Var, error) {
	if arg.IsImm {
		return nil, core.ErrUsage
	}
	if c.Vars.Lookup(arg.Str) == nil && !interp.CheckVarName(c.Session, arg.Str) {
		return nil, core.ErrAbort
	}
	v, err := c.WalkVar(arg.Str)
	if err != nil {
		c.Warnf("%s", err.Error())
		return nil, core.ErrAbort
	}
	return v, nil
}

// number reads a number as an argument; a bad one ends the statement.
func number(c *core.Ctx, a core.Arg) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	return c.Strtoull(a.Str)
}
