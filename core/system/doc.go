// Package system turns the bytes a target gives into something that runs: a Linux or
// illumos user process, an ELF file that is not running, an illumos kernel, a Linux kernel.
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
// An IllumosProcess finds its load objects by ld.so.1's own lists (rtld_db_priv by
// AT_SUN_LDDATA or DT_DEBUG, its lists of link maps, their Rt_maps), symbols and types in
// the core before those in files, threads' TLS by libc's uberdata, arguments where the
// code of amd64 saved them.
//
// # An illumos kernel
//
// IllumosKernel is an illumos kernel of amd64 in the physical memory of a crash dump
// (KernelDump); nothing of it needs more of the container than that memory, a way from
// kernel addresses to it (the dump's translation map, or a page table: PageRoot) and
// the kernel's symbols. In a machine's memory it is found without any of these: unix is
// linked for a fixed address, the ring of modctls lies in its data (a doubly linked ring
// with a pointer to "unix"), and the table of the whole kernel is made of the modules' own
// as ksyms does it. The page table is that of a processor, else the first in memory whose
// top leads to such a ring. The search is bounded in bytes and rings, and by Search.
//
//   - Symbols. The ksyms image is the table of the whole kernel (sym.Namespace.Kernel):
//     its symbols print bare. Each module's own table lies in its symspace in memory
//     and names an address, as module`symbol, where it has a closer one.
//   - Modules. The ring of modctls that begins at the symbol modules gives the load
//     objects, unix first. Where the members of modctl and struct module lie is asked
//     of genunix's types; those are found by CTF's magic number before anything else is
//     known. The ring is bounded and what is wrong with it is a warning.
//   - Types. CTF of each module from memory, inflated when it is asked for; genunix is
//     the parent of the others and what a type name without a module means.
//     unix`struct cpu is not genunix's.
//   - Address spaces. Pages come from the dump's map and, where it has none (segkpm,
//     page tables), from the page tables that a_hat leads to. A process' space is the
//     same by its struct as; OpenProcess makes it a target (MDB's kproc).
//   - Registers. Of the panic from panicbuf, else panic_reg; of a thread that runs those
//     of its processor, whose cpu_t %gs leads to; of other threads from t_pcb, where
//     switching or the panic's setjmp left them.
//   - Stacks. Stack and ThreadStack follow frame pointers; a struct regs that a trap
//     left begins like a frame, so that the walk passes it. A walk allocates nothing if
//     its buffer is reused: 20,000 stacks take tens of milliseconds. ArgsOf reads the
//     arguments that a function's prologue saved, if its instructions and its type say
//     that it did.
//
// Members are found by name through the kernel's types, never by offset; the layout of
// modctl that kernels have had since 2005 serves only where there are no types.
//
// Not handled: kernels of other architectures, dumps of Xen domains, arguments in
// registers that were not saved. User threads' registers in user mode are in struct
// regs at the top of their kernel stacks (TrapRegisters).
//
// # A Linux kernel
//
// LinuxKernel is a Linux kernel of amd64 in the physical memory of a machine
// (KernelMemory): of a dump, of a guest, of the machine itself. Nothing but that memory
// is needed; what else a container gives (Processors, VMCoreInfo, PhysicalRanges,
// PresentMemory, KernelVirtual) makes finding it quicker, or has registers.
//
//   - Finding. Four ways, the cheapest first: VMCOREINFO that came with the memory; a
//     CPU's interrupt table, read through its page table (the kernel's half of KPTI's
//     pair: bit 12 of CR3 cleared), whose handlers are in the image; images at every 2 MB,
//     by their first bytes; VMCOREINFO anywhere in memory, which has to agree with memory
//     (a nested guest's does not). Where a machine gives virtual memory alone (VirtualOnly)
//     images are looked for where they are mapped, and the map of all memory stands in for
//     physical memory. The last two are bounded (Search), for machines whose
//     kernel is none of Linux. The image lies in one piece, at phys_base plus what a
//     VA is above __START_KERNEL_map, so that it is read before any page table.
//   - Symbols. kallsyms (core/sym/kallsyms), by VMCOREINFO's SYMBOL(kallsyms_*) or by what
//     the tables look like; they are of the load object vmlinux and print bare. Modules
//     have ELF tables in memory (struct mod_kallsyms), read when they are asked for.
//   - Page tables. init_top_pgt, of four or five levels by __pgtable_l5_enabled; a process'
//     by mm->pgd. Where tables are missing the map of all memory serves, by arithmetic.
//   - Types. The kernel's BTF and each module's, split from it (btf_modules). BTF has no
//     types of variables but per-CPU ones: modules of xmdb declare what they use
//     (DeclareVariables). Members are found by name, alternatives beside the use.
//   - CPUs and tasks. Per-CPU areas by __per_cpu_offset; the task of a CPU is current_task,
//     or pcpu_hot's. Which processor of the container is which CPU is told by gsbase.
//   - Registers. Of a task that runs those of its CPU; of any other the struct
//     inactive_task_frame that switching left at thread.sp.
//   - Stacks. By ORC (core/unwind/orc), with tables of the image and of modules read from
//     memory; interrupts and exceptions are crossed, a user's registers end a walk.
//   - Processes. OpenProcess makes one a target (LinuxUser): areas from the maple tree, or
//     the list of kernels before 6.1, the auxiliary vector from mm->saved_auxv, threads
//     by their ids.
//
// Lists are bounded and looked at for loops; what is wrong with them is a warning, once.
// A machine that runs is looked at anew at every Moment (Refresh): pages and lists are
// forgotten, symbols and types stay. Reconsider finds the kernel that was booted since.
// Lists and trees that lead nowhere are read again, of memory as it is then, three times in
// all (retry); the error says so.
//
// # A machine of which nothing is known
//
// RawMachine takes any memory in which neither was found. A thread is a processor, its
// mode (real to five levels) tells page table, registers and disassembly. What is not
// known of control registers is told by others: without EFER, addresses above 4 GB mean
// long mode. The width of code is that of the code segment, by its descriptor if the
// container does not have it.
//
// # Not handled
//
// Linux kernels of other architectures, and of Xen PV domains. Return addresses that
// ftrace's graph tracer replaced. User memory that is swapped out, or in a file and not
// mapped.
//
// Thread-local storage of libraries other than with glibc. Objects mapped by hand
// without the run-time linker are found only if a file backs them.
package system
