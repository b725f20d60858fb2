// Package out is everything a command writes: MDB's printf dialect, its line
// wrapping and indentation, and the one ordered stream of rows, text and
// warnings, as text or as JSON lines.
//
// # The line
//
// A Printer is a line in the making. It knows the column it is in (bytes on
// the current line; terminal attributes take none), the terminal's width, a
// margin and a tab stop, and two switches:
//
//   - wrapping. Before a cell (one conversion, or one run of literal text) is
//     written, a cell that would not fit starts a new line, unless the line
//     holds nothing but the margin. The blanks that pad a left-aligned cell
//     become a newline when they would fill the line: that is why the last
//     cell of a full line has no trailing blanks. Text longer than a line is
//     split anywhere. Wrapping is off by default, as in MDB since 2018; the
//     format verbs turn it on while they print.
//   - indenting. Each line begins with margin blanks. They are on the line
//     from its beginning and count as columns; a line that holds nothing else
//     when a command ends is erased (EndLine).
//
// A tab goes to the next tab stop, or to a new line when the stop lies at or
// beyond the width, whether wrapping is on or not.
//
// # The dialect
//
// The facts are those of illumos, usr/src/cmd/mdb/common/mdb/mdb_io.c as of
// 2020; Printf describes the conversions. Where C takes the size of an
// argument from the size letter, we have a typed argument, hence one rule of
// our own: without a size letter an argument has its own width, arguments
// narrower than 32 bits being promoted to 32 as in C; h keeps the low 16
// bits, l, ll, j and z take 64 (a narrower argument is extended by its own
// signedness). A signed conversion of an unsigned argument reinterprets its
// bits at that width, and the reverse.
//
// Text ends at its first NUL byte, as C strings do; %c of NUL prints nothing.
// A fault in a format or its arguments never stops the output: an unknown
// letter prints itself, an argument of the wrong kind is printed as it is.
//
// # The stream
//
// A Sink takes text, rows and warnings in the order in which a command yields
// them. Stream is the one used in a session: in JSON mode a row is an object
// on a line of its own and text becomes {"text": ...} objects, so that every
// line of the output is one JSON object. Warnings go to the error stream, in
// MDB's form, after what was written before them.
//
// # Bounds
//
// A field width is at most 65536. Nothing here recurses or allocates in
// proportion to its input but the strings it returns. Columns are bytes, not
// glyphs: MDB counts so, and its layouts are kept to the byte.
//
// Not handled: precisions (`%.3d` prints a dot: MDB has none), terminfo (the
// attributes are written as ECMA-48 sequences).
package out
