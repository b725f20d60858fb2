// Package btf reads BTF, the compact type data of the Linux kernel and its
// modules, into the model of core/ctype.
//
// # Model
//
// A File is one BTF blob: a kernel's (vmlinux), or a module's, which is split:
// its type ids continue those of the kernel's BTF, its base. Types are converted
// as they are asked for. A type of a split File that lies in its base belongs to
// the base's File.
//
// A module may carry a distilled base (.BTF.base), which holds of the kernel's
// types only names and sizes, so that the module outlives a rebuild of the
// kernel. Its stand-ins are resolved by name in the base given; without one, or
// if the base has no type of that name, they stay as they are: structures
// without members.
//
// # Format
//
// Linux Documentation/bpf/btf.rst, include/uapi/linux/btf.h. A blob is a header, an
// array of types of varying size, and strings. Opening one runs over the types once, to
// know where each begins (0.5 MB for a kernel's 130,000); names are hashed at the first
// look-up; a type is decoded when it is asked for, what it refers to when that is. A
// kernel of 4 MB opens in 2 ms: github.com/cilium/ebpf/btf, the test oracle, takes ten
// times that and 22 MB, which a debugger that is to answer in 100 ms does not have.
//
// Since 7.2 a type may have 2^24 members and its kind 7 bits, and a section tells how long
// types of each kind are: types of kinds that are not known here are passed over then.
//
// # Not handled
//
// BTF has variables in its DATASECs only: a kernel's per-CPU variables. It has
// no inner dimension, lower bound or flexibility of arrays: an array of no
// elements counts as flexible. Pointers are 8 bytes wide unless Options say
// otherwise: BTF does not record it.
package btf
