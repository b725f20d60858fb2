// Package libc knows libc of illumos processes: its threads (ulwp_t, uberdata_t), the
// structures that signals and setjmp(3C) leave in memory, and what the core's notes
// say of the process.
//
// Facts: usr/src/lib/libc/inc/thr_uberdata.h, sys/siginfo.h, sys/ucontext.h; MDB's
// module libc for what the commands print. Structures are read by member through
// libc's own CTF. ::stacks is a built-in command here, for every process.
//
// # What it does not handle
//
// libthread of before Solaris 10. SPARC.
package libc
