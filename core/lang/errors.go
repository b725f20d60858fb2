package lang

import "fmt"

// Error is a parse error with MDB's text.
type Error struct {
	Msg  string // "syntax error", "variable 'x' is not defined", ...
	Bare bool   // the message stands alone: no place, no near

	Name string // the input's name: (stdin), (string), (pipeline), a file; "" on a terminal
	Line int    // 1-based line, counted as MDB counts it
	Near string // text of the token at which the error was found

	placed bool
}

func (e *Error) Error() string {
	switch {
	case e.Bare || !e.placed:
		return e.Msg
	case e.Name == "":
		return fmt.Sprintf("%s near \"%s\"", e.Msg, Escape(e.Near))
	default:
		return fmt.Sprintf("%s on line %d of %s near \"%s\"", e.Msg, e.Line, e.Name, Escape(e.Near))
	}
}

// Placed tells whether the parser that returned e has put its place in; then it
// has also discarded the rest of the input as MDB does.
func (e *Error) Placed() bool { return e.placed }

// At makes an error for Options.Check to return: the parser adds the place at
// which it stands (line, input name and the token last read).
func At(format string, args ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, args...)}
}

// Bare makes an error whose text is complete without a place.
func Bare(format string, args ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, args...), Bare: true}
}
