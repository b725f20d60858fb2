// Package qemu is the target for machines that run under QEMU: it looks at physical
// memory and registers from the host, without the guest's help and, unless it is asked
// to, without stopping it.
//
// # Ways in
//
//   - QMP (OpenQMP): a unix or TCP socket. State, registers, the layout of memory and
//     where it is all come from the monitor. A server takes one client at a time:
//     libvirt is usually it.
//   - virsh (OpenVirsh): the same commands by `virsh qemu-monitor-command`, each of
//     which starts a program; no events.
//   - a process (OpenPID): no monitor. The command line says how large memory is and of
//     which machine, the process' map where it lies. Nothing is known of registers or
//     whether the machine runs.
//
// # Memory
//
// `info mtree -f` tells which guest-physical ranges are which part of which RAM block.
// Each range is read in the first of these ways that there is:
//
//   - the file of a shared mapping: by the host address of the range (`gpa2hva`) the
//     mapping in /proc/PID/maps is found, and the file with its inode opened, by path or
//     through /proc/PID/fd; without rights to /proc/PID the mem-path of a shared
//     memory-backend-file whose size fits. Reads of a file fill no holes: a guest of
//     64 GB that uses 1 GB costs what it uses.
//   - /proc/PID/mem of the hypervisor, which needs the right to trace it.
//   - pmemsave of pieces to a file of ours that QEMU may write; `xp` where it cannot,
//     on another host. Both leave the guest running.
//
// A private mapping of a file is never read by its file. Device memory is not part of
// the layout and never read.
//
// # Time
//
// Moment advances while the machine runs. Events (STOP, RESUME, RESET, SHUTDOWN) keep
// the state without asking. Halt remembers that the machine ran; Close, Release and
// Abandon then resume it; LetGoQMP and LetGoVirsh are for another process to call should
// the debugger be killed, which OnHold keeps informed. A machine that somebody else has stopped stays stopped.
//
// # Writing
//
// Where memory is a file or the process' memory it can be written to, behind QEMU's back:
// translated code (TCG) and the log of a migration do not learn of it. The monitor writes
// neither memory nor registers.
//
// # Sources
//
// QEMU's docs/interop/qmp-spec, qapi/*.json, softmmu/memory.c (mtree),
// target/i386/cpu-dump.c (registers), hw/i386/pc_piix.c and pc_q35.c (the hole below
// 4 GiB); proc(5), unix(7). Observed with QEMU 7.2.
//
// # Not handled
//
// Machines other than x86. Memory of confidential guests, which is encrypted. NUMA and
// hot-plugged memory by -g pid: beyond -numa node,memdev=.
package qemu
