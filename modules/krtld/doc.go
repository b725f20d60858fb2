// Package krtld is MDB's module of the same name: the kernel's modules as its
// run-time linker keeps them. It lists the ring of struct modctl that begins at the
// symbol modules, where core/system finds the load objects, and with it what ::objects
// does not show: modules that are known but not loaded, flags, references, file names.
//
// The ring is bounded: a modctl that was there before, or cannot be read, ends the walk
// with a message that names it. A member that cannot be read prints as MDB prints it
// (???), not as zero.
package krtld
