// Package elfcore is the target for cores of Linux processes on amd64, i386 and
// arm64, made by the kernel, by gcore or by qemu's user mode emulation, and of illumos
// processes on amd64 and i386, made by the kernel or gcore, as they are or compressed.
//
// # Format
//
// A core is an ELF file of type ET_CORE (System V gABI) with PT_LOAD segments,
// one a mapping of the process, and PT_NOTE segments. The notes and their
// structures are the kernel's: include/uapi/linux/elf.h, elfcore.h and
// include/linux/elfcore-compat.h; NT_PRSTATUS and what follows it up to the next
// NT_PRSTATUS belong to one thread, the first of which is the one that died.
// NT_FILE names the mapped files (fs/binfmt_elf.c, fill_files_note); where it is
// missing, as in cores made by qemu, the run-time linker's list does (unnamed.go).
// What differs between the architectures is in layout.go.
//
// # The address space
//
// A segment has bytes in the core for its first p_filesz bytes; the kernel leaves
// out what coredump_filter says, by default the unmodified pages of mapped
// files. Those come from the files NT_FILE names, if the file found is the one
// that was mapped: its build-id is compared with the one in the first page,
// which the kernel does dump. gdb's gcore makes no segments at all for what can be
// read from a file; NT_FILE has them. What is neither here nor there is an error that
// says whether it was never dumped or lies behind the end of a truncated core.
//
// # Compressed cores
//
// systemd-coredump keeps cores as .zst (older: .lz4, .xz); gzip is common too.
// The kind is told by the first bytes. The core is decompressed once, into a
// temporary file that has no name by the time it is used, or into memory where
// the host cannot do that; holes in it stay holes.
//
// # illumos
//
// A core whose notes are illumos's (core(4), sys/procfs.h, sys/old_procfs.h) is an
// Illumos; OpenProcess opens either kind. It has two PT_NOTE segments, of which the
// second counts: NT_PSTATUS, NT_PSINFO, an NT_LWPSTATUS and NT_LWPSINFO for each LWP and
// what else illumosnotes.go lists; layouts of both data models are in illumoslayout.go.
// Every mapping has a PT_LOAD segment, saved or not (PF_SUNW_FAILURE: errno is what there
// is of it). Section headers have the symbol tables and CTF of the load objects, by
// sh_addr; more than 65534 segments are counted in the first one (illumossections.go
// shows each object's as an ELF file). Load objects are those of ld.so.1's lists.
// Written from headers and sources: no core of an illumos machine was at hand.
//
// # Not handled
//
// Cores of other architectures, of x32, of big-endian machines and of other systems are
// refused with an error that says
// what they are. core(5)'s coredump_filter bits for DAX and huge pages make no
// difference here. Shadow stacks and protection keys (NT_X86_SHSTK, XSAVE's
// PKRU) are kept as raw notes only.
package elfcore
