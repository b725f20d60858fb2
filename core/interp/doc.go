// Package interp runs the command language in a core.Session: it implements
// core.Evaluator and holds the commands that are part of the language (the format
// verbs, assignment, macro files).
//
// # Frames
//
// Text is run in frames, which nest: standard input, a command string given to
// Eval, a macro file, the output of a pipeline stage. A frame has one Parser and
// keeps dot: what a nested frame leaves in dot is passed on when it ends well and
// forgotten when it ends in an error. The increment, the most recent address and
// the last command are the session's. An error in a file or on standard input
// loses the rest of the line and the frame goes on; in a string or a pipe it ends
// the frame with core.ErrParse.
//
// # Statements
//
// The parser calls back for every name and expression at the moment at which MDB
// evaluates it (see package lang), so a statement's values are there when it is
// complete; errors found so are those of the parser. A naked expression runs the
// last command again (in a string it only sets dot).
//
// # Pipelines
//
// A stage runs once for each element of its input and fills a core.Pipe: with
// the values its dcmd emits, and with those of the lines of text it prints, each
// parsed as an expression when the stage has printed a buffer full or ends. The
// next stage starts when the list is complete. Text that is no expression ends
// the pipeline, as do a usage error and an abort. Walk variables are columns of
// the list: each output element has the values that its input element had.
//
// Not handled: kmdb's differences.
package interp
