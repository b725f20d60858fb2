// Package lang turns the text of MDB's command language into syntax trees.
//
// # Model
//
// Input is a sequence of statements, each ended by a newline or a semicolon.
// No token crosses a line, so the parser holds exactly one line of input. A
// Parser yields one Statement at a time, because running a statement can change
// how the next one reads: the radix of plain numbers is asked for, through
// Options.Radix, whenever a number is met.
//
// The lexer has MDB's five states: INITIAL (addresses, counts, the verb),
// ARGLIST (after a dcmd or a write verb), FMTLIST (after a format verb), EXPR
// (inside $[ ]) and SHELLCMD (after !). In each the longest match wins, and of
// equal matches the rule that MDB lists first.
//
// # Order of evaluation
//
// MDB evaluates while it parses, so which of two mistakes on a line is reported,
// what "near" quotes, and how much input is thrown away afterwards all depend on
// when a name is looked up or an operator applied. The tree is built in the same
// order. Options.Check is called with each node at the very moment at which MDB
// would have acted on it: a variable, a word such as "add" and a dcmd's name when
// its token is read (perhaps as lookahead), a symbol or an operator when its
// operands are complete. An error from Check ends the statement there, and the
// input is resynchronised from there. Every expression has a Slot, unique in
// its statement, and Statement.Order lists them operands first, so an evaluator
// needs neither recursion nor a map.
//
// # Errors
//
// Syntax errors are *Error values with MDB's text: message, " on line N of NAME"
// unless the input is a terminal, and the token's text in C notation. After an
// error a file loses its text up to the next newline or semicolon (which is not
// counted as a line, as in MDB); a string, a terminal's line and a pipe lose all
// that is left.
//
// # Differences from MDB
//
// A double-quoted operand is a symbol name ("ns::f(int)"); MDB has only syntax
// errors there. Nesting is limited to MaxDepth and lines to MaxLine bytes.
//
// Sources of the format: mdb(1), the Solaris Modular Debugger Guide, and the
// behaviour of illumos MDB (2020, with the later additions: underscores in
// numbers, quoted shell commands as pipeline stages, and "!<").
package lang
