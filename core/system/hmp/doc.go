// Package hmp reads what QEMU's human monitor prints: over QMP (human-monitor-command),
// or through its gdb stub (qRcmd).
//
// Layout is where a machine has memory, of `info mtree -f` (softmmu/memory.c): only the
// ranges of the address space "memory" count that are ram, rom or romd; the rest are
// devices, which reading disturbs. Registers are the processors', of `info registers -a`
// (target/i386/cpu-dump.c).
//
// The texts are for people and may change: what is not understood is passed over, and
// what is read is bounded by number. Observed with QEMU 7.2.
package hmp
