// Package system turns the bytes a target gives into something that runs: here,
// a Linux user process or an ELF file that is not running; kernels are to come
// beside it.
//
// # A process
//
// NewProcess finds the load objects of a process from its memory alone: the
// program's headers by AT_PHDR, its load bias from them, the run-time linker's
// list (struct r_debug, glibc's and musl's link.h) through DT_DEBUG, the vDSO by
// AT_SYSINFO_EHDR; where the list cannot be read, and for what it does not hold,
// the mapped files (NT_FILE in a core). Each object's ELF header and program
// headers are read from memory, since the kernel dumps the page they are on.
//
// For each object the file is looked for (Files): on the sysroot, the host, by
// build-id. A file whose build-id is not that of the memory is refused, and the
// refusal is kept to be told (Warnings, Objects). An object without a file still
// has the symbols of its dynamic section and the call frame information of its
// PT_GNU_EH_FRAME, both read from memory.
//
// Nothing but headers is read before it is asked for: symbol tables, types and
// call frame information are loaded by object on first use.
//
// # Names and addresses
//
// A sym.Object is the load object as the rest of xmdb sees it; Process and Image
// know what lies behind one (Info). The rules for symbols are libproc's
// (sym.RuleProcess): MDB on illumos asks libproc; in a Linux process code whose
// symbols have no size is named too (sym.RuleLinux).
//
// # Not handled
//
// Thread-local storage of libraries other than with glibc. Objects mapped by hand
// without the run-time linker are found only if a file backs them.
package system
