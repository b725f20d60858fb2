// Package app is the xmdb program: its command line, the opening of targets, the
// wiring of a session and the exit status.
//
// The command line is mdb(1)'s, whose rules reference the same getopt habits:
// option letters cluster, options and operands mix, +o clears what -o sets, a
// lone - operand is skipped. xmdb's own options are -J and words that begin with
// two dashes, which mdb does not have; called by the name mdb the program knows
// only mdb's.
//
// Exit status: 0; with -e whether the last command succeeded (0 or 1); 1 when a
// target cannot be opened; 2 for a bad command line.
package app
