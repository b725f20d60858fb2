// Package unix is MDB's module unix, of what the platform is: page tables and the
// hats that own them, gate descriptors, cross calls, time in ticks, features of the
// processor, segments of physical memory.
package unix
