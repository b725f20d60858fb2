// Package kallsyms reads the symbol table that a Linux kernel carries in its own
// memory.
//
// # Model
//
// Tables says where the parts of the table are (VAs); Locate finds them in the bytes
// of a kernel image by what they look like; Read decodes all of them into entries and
// strings for a sym.Table. Nothing of it knows how the memory was reached.
//
// # Format
//
// scripts/kallsyms.c writes it when a kernel is linked, kernel/kallsyms.c reads it:
//
//	kallsyms_num_syms      u32        number of symbols; u64 before 5.0
//	kallsyms_names         bytes      a symbol: its length (of tokens), then as many tokens
//	kallsyms_markers       u32[]      offset in names of every 256th symbol; u64 before 5.0
//	kallsyms_token_table   strings    256 of them, NUL-terminated
//	kallsyms_token_index   u16[256]   where each begins
//	kallsyms_offsets       s32[]      addresses, ascending
//	kallsyms_relative_base u64        what they count from
//	kallsyms_addresses     u64[]      instead of the last two: kernels before 4.6, or some since
//	kallsyms_seqs_of_names u24[]      order by name, since 6.2: not needed here
//
// Since some release between 6.19 and 7.3 there is no base: an offset counts from its own
// place.
//
// A length of 128 and more takes two bytes (ULEB128) since 6.1. The first character of
// a symbol, once its tokens are put together, is its type as nm(1) has it, upper case if
// global. With CONFIG_KALLSYMS_ABSOLUTE_PERCPU, which amd64 had until 6.14, an offset
// that is not negative is an absolute value (a per-CPU variable's offset), a negative
// one o stands for base-1-o; without it all are unsigned distances from the base.
//
// Parts lie beside one another, aligned to 8 bytes (without a base: to 4), in one of these
// orders:
//
//	before 6.2  offsets, relative_base, num_syms, names, markers, token_table, token_index
//	6.2 to 6.4  the same, seqs_of_names behind markers
//	since 6.5   num_syms, names, markers, token_table, token_index, offsets, relative_base, seqs
//	by 7.3      the same without relative_base
//
// # What is made of it
//
// The table has no sizes: a symbol reaches to the next one with another address. Of
// symbols that share an address the first stands for it, as in the kernel, which sorts
// them so that the likeliest comes first.
//
// # Bounds
//
// 16 million symbols, 256 MB of names; names and tokens are cut at 512 and 256 bytes.
// What cannot be read or makes no sense is an error, never a part of a table, except
// that a name with a token outside the table ends there.
package kallsyms
