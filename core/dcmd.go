package core

import (
	"errors"
	"fmt"
)

// What a dcmd or the evaluation of a command ends with. Any other error is
// reported as a warning and counts as ErrFailed.
var (
	ErrFailed = errors.New("dcmd failed")         // already reported; DCMD_ERR
	ErrUsage  = errors.New("improper dcmd usage") // DCMD_USAGE: the synopsis is printed; ends loop and pipe
	ErrNext   = errors.New("next definition")     // DCMD_NEXT: try the next dcmd of the name
	ErrAbort  = errors.New("command aborted")     // DCMD_ABORT: ends loop and pipe; already reported
	// ErrParse is the ErrAbort of text that could not be parsed or evaluated; it
	// has been reported.
	ErrParse = fmt.Errorf("failed to evaluate command%w", silent{ErrAbort})
	ErrQuit  = errors.New("quit")                      // leave the debugger
	ErrIntr  = errors.New("command cancelled by user") // Ctrl-C
)

// silent wraps an error without adding its text.
type silent struct{ err error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.err }

// Dcmd is a debugger command.
type Dcmd struct {
	Name  string // without "::"; "$c" and ":b" for those
	Usage string // MDB's synopsis: ":" address required, "?" optional, else refused
	Descr string // one line for ::dcmds
	Help  string // the DESCRIPTION of ::help
	Opts  []Opt  // if set, the engine parses options before Run

	// AnyAddr: an address is taken though the synopsis has none, as many of
	// MDB's dcmds do.
	AnyAddr bool

	// MDBUsage is the synopsis under the name mdb, if xmdb's own options make
	// it another one.
	MDBUsage string

	// NoHint keeps the usage message from pointing to ::help: MDB's dcmd of the
	// name has no help text.
	NoHint bool

	// Table declares the columns of a table dcmd, whose Run yields Ctx.Row.
	Table *Table

	// Type names the type of the object whose address the dcmd takes or
	// gives, for help and completion.
	Type string

	Run func(*Ctx) error

	// Complete gives candidates for the word being typed; args are the words
	// before it. nil completes option letters only.
	Complete func(s *Session, args []string, word string) []Candidate

	Module *Module // set at registration
}

// Candidate is one completion with a one-line description.
type Candidate struct {
	Text, Descr string
	NoSpace     bool // more follows the word: a member path
}

// AddrMode says whether a dcmd or walker takes an address.
type AddrMode uint8

// Address modes.
const (
	AddrNone AddrMode = iota
	AddrOptional
	AddrRequired
)

// AddrMode reads the first letter of the synopsis.
func (d *Dcmd) AddrMode() AddrMode {
	if d.Usage != "" {
		switch d.Usage[0] {
		case ':':
			return AddrRequired
		case '?':
			return AddrOptional
		}
	}
	return AddrNone
}

// Synopsis is the dcmd's usage in a program of the name prog.
func (d *Dcmd) Synopsis(prog string) string {
	if prog == "mdb" && d.MDBUsage != "" {
		return d.MDBUsage
	}
	return d.Usage
}

// OptKind is the kind of value an option takes.
type OptKind uint8

// Kinds of options.
const (
	Flag  OptKind = iota // sets Bits; letters cluster
	Clear                // clears Bits of the Opt named Of
	Str                  // a string: glued, or the next argument
	Uint                 // a number by MDB's radix rules, or an immediate
)

// Opt is an option of a dcmd.
type Opt struct {
	Letter byte
	Kind   OptKind
	Of     byte   // Clear: the letter it clears
	Arg    string // name of the value in help
	Help   string
}

// Table is the output of a table dcmd: MDB's header and line formats in the
// printf dialect, and the fields behind them.
type Table struct {
	Head string  // format of the heading, which gets the columns' Heads; "" for none
	Line string  // printf format; gets the columns' values in order
	Cols []Field // names of the values, for JSON and help
	Pipe int     // the column that goes into a pipe
	Type string  // type name of what Pipe holds the address of, "" if none
}

// Field is one field of a record.
type Field struct {
	Name  string // in JSON
	Head  string // over the column
	Descr string // in help
}

// Arg is one argument word: a string, or a number from $[ ].
type Arg struct {
	Str   string
	Imm   uint64
	IsImm bool
	Char  byte // of the verbs and > only: a format character, a cast; else 0
}
