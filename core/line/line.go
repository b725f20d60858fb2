// Package line reads commands from a person: line editing, history that outlives
// the session, incremental search, completion with one-line descriptions, and
// single keys for the pager.
//
// The editor is github.com/chzyer/readline behind the interface Editor. What that
// library does not do is done here: a gate in front of standard input keeps it
// from reading ahead, so that a shell command or the pager gets the keys typed
// while it runs; bracketed paste is switched on and tabs inside a paste become
// blanks, so that pasting never completes; Ctrl-Z suspends the job as the terminal
// driver would, not the parent process; candidates are listed with their
// descriptions.
package line

import "errors"

// ErrInterrupt is Ctrl-C at the prompt: the line is dropped.
var ErrInterrupt = errors.New("interrupted")

// Editor reads lines.
type Editor interface {
	// ReadLine reads one line without its newline. io.EOF ends the session;
	// ErrInterrupt drops the line.
	ReadLine(prompt string) (string, error)
	// ReadKey reads one key without echo, for the pager.
	ReadKey() (byte, error)
	Close() error
}

// Candidate is one possible completion of the word at the cursor.
type Candidate struct {
	Text    string // replaces the word
	Descr   string // one line; may be empty
	NoSpace bool   // more follows: no blank is added
}

// Completer gives the candidates at the end of the text left of the cursor, and
// how many bytes of the text they replace.
type Completer func(left string) (cands []Candidate, replace int)

// Config sets up an editor.
type Config struct {
	HistoryFile string // "" keeps no history on disk
	HistorySize int    // lines; 0 is 128
	Complete    Completer
	Suspend     func() // stops the job for Ctrl-Z; nil ignores the key
}
