package interp

import (
	"strings"

	"github.com/xmdb/xmdb/core"
)

// maxVarName is the length of the longest name of a variable.
const maxVarName = 30

// notInNames are the characters that no variable's name has.
const notInNames = "#%^&*-+=,:$/\\?<>;|!`'\"[]\n\t() {}"

// CheckVarName tells why a name cannot be that of a variable.
func CheckVarName(s *core.Session, name string) bool {
	if i := strings.IndexAny(name, notInNames); i >= 0 {
		s.Warnf("'%c' may not be used in a variable name", name[i])
		return false
	}
	return true
}

// assign gives a variable the value of dot.
func assign(c *core.Ctx) error {
	args := c.Stage.RawArgs
	value := c.Frame.Dot
	if len(args) == 2 {
		if args[0].Char == 0 {
			c.Warnf("improper arguments following '>' operator")
			return core.ErrFailed
		}
		size := c.Arch().PtrSize
		switch args[0].Char {
		case 'c':
			size = 1
		case 's':
			size = 2
		case 'i':
			size = 4
		case 'l':
		default:
			c.Warnf("%c is not a valid // modifier", args[0].Char)
			return core.ErrFailed
		}
		value = c.Addr & (^uint64(0) >> (64 - 8*size))
		args = args[1:]
	}
	if len(args) != 1 || args[0].IsImm || args[0].Char != 0 {
		c.Warnf("expected single variable name following '>'")
		return core.ErrFailed
	}
	name := args[0].Str
	if len(name) > maxVarName {
		c.Warnf("variable names may not exceed %d characters", maxVarName)
		return core.ErrFailed
	}
	if !CheckVarName(c.Session, name) {
		return core.ErrFailed
	}
	v := c.Vars.Lookup(name)
	if v == nil {
		v = c.Vars.Define(&core.Var{Name: name})
	}
	if err := v.Set(value); err != nil {
		c.Warnf("%s", err.Error()) // MDB's assignment succeeds all the same
	}
	c.Frame.Incr = 0
	return nil
}
