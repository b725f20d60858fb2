// Package gdbstub is the target for machines behind a stub of gdb's remote protocol:
// QEMU's, and bhyve's, which knows only a part of it. It is a control.Machine for
// them.
//
// # Model
//
// A thread of the stub is a processor; its index counts from 0, and the thread ids of
// control are the index plus 1. All requests are made under one lock; a goroutine reads
// what comes and acknowledges it.
//
// To connect to a stub halts the machine, and so does anything sent to QEMU's while
// the machine runs. A target is therefore in one of two states. Looked at, the machine
// runs and is halted (byte 03) for as long as a command reads: it goes on at Settle, or
// when nothing was asked for 300 ms. Halted (Halt, or a stop in Resume), it stays so
// until Go, Resume or the end. Whether the machine ran before the connection only
// QEMU's monitor could tell, through qRcmd, and only of one that had not been started
// yet: otherwise it is taken for running. A stop that comes unasked is somebody else's,
// who will resume it.
//
// # Memory
//
// In QEMU's PhyMemMode m packets read physical memory; the mode outlives a connection,
// so that it is switched off before the machine runs and at the end. QEMU gives zeros
// for addresses without memory and disturbs devices: `info mtree -f`, through qRcmd,
// tells where memory is, and nothing else is read. Other stubs read virtual memory of
// the processor chosen by Hg: for the kernel's half one that is in the kernel, as a
// process' table may lack it. Physical memory fails with a reason there. Requests ask for at
// most half a packet and never cross a page; QEMU gets 64 at once.
//
// # Writing
//
// Memory by M packets, registers by P (else one G) of a machine that is halted, read back
// afterwards. Software breakpoints, which may be in memory, are out for as long. bhyve
// writes virtual memory and no registers. Under TCG QEMU keeps the arithmetic flags
// elsewhere than where P eflags puts them.
//
// # Leaving
//
// Breakpoints and watchpoints are taken out, the mode is reset, and D lets the machine
// go on unless it was halted before. The same happens on SIGTERM (Abandon). A debugger
// that is killed while the machine is halted leaves it so, and breakpoints in it: LetGo
// is for another process to call, which Options.Hold keeps informed.
//
// # Breakpoints
//
// Hardware ones (Z1), which change no memory, else software ones (Z0). Where the stub
// reads virtual memory, reads show the bytes below the latter. A processor that has
// reported a breakpoint is brought past it by a step of it alone (vCont;s, else Hc and
// s). x86 has no watchpoint for reads alone: Z4 serves where Z3 does not.
//
// # Registers
//
// By the names in the target's description (qXfer:features:read, includes followed),
// else the layout of gdb's amd64 or i386, by size. System registers come from QEMU's
// description: cr0 to cr8, efer, k_gs_base; the bases of descriptor tables, which no
// description has, from its monitor.
//
// # Bounds
//
// A packet has at most 1 MiB, expanded; a description 64 documents of 1 MiB and 4096
// registers; every answer has five seconds. After an answer that is missing or cannot be
// one, the connection is of no more use: what follows could not be matched.
//
// # Sources
//
// The gdb manual, appendix "gdb Remote Serial Protocol"; QEMU's gdbstub.c and gdb-xml
// (7.2); of bhyve's stub usr/src/cmd/bhyve/gdb.c.
//
// # Not handled
//
// Machines other than x86. Non-stop mode. Kinds of
// breakpoints whose length is not 1.
package gdbstub
