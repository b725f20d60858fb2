// Package sym is symbols: tables of one load object, the list of load objects a
// target has, and MDB's rules for going from a name to an address and back.
//
// # The model
//
// A Table holds the symbols of one ELF section (.symtab or .dynsym) or of a
// kernel's own table, in file order. It keeps the bytes as they are in the file
// and decodes an entry when it is asked for; the first few lookups scan, which
// runs at memory speed, and only a table that is asked often gets a hash of names
// or an order by address. An Object is a load object: a name, the VAs it is
// mapped at, and tables that are loaded on first use. A Namespace is what a
// session looks names up in: the private symbols made by ::nmadd, then the
// objects in load order.
//
// # The rules
//
// From reference/language.md section 11.6: the symbol of an address is the one
// with the greatest value not above it; it matches in smart mode within its size,
// in absolute mode within a distance; at equal values a sized symbol beats an
// unsized one, a typed one NOTYPE, a non-weak one a weak one, and then the first
// by name wins (RuleKernel). For processes MDB asks libproc, which knows data and
// functions only, steps out of nested symbols and breaks ties otherwise
// (RuleProcess); for Linux processes code without a size is named as well
// (RuleLinux). Private symbols come before everything; an address in a procedure
// linkage table is named after the function it leads to.
//
// An address of the executable prints without the object's name only in the
// mapping that MDB takes for its text (Object.Text): "main", but "prog`data".
//
// A name finds a defined symbol before an undefined one, a global before a local,
// the first in the table of equals; "ns::f(int)" and "ns::f" find C++ and Rust
// symbols by what they are called in the source.
//
// # Hostile tables
//
// Offsets outside the string table give an empty name, names end after 16 KB,
// chains of equal names are followed for 1024 steps. Lookups never panic and take
// time linear in the table at worst.
//
// # Not handled
//
// Symbol versions are part of a .symtab name where the linker put them there and
// are not looked up in .gnu.version. SHN_XINDEX sections are taken by their raw
// index. illumos's .SUNW_ldynsym comes with the illumos systems.
package sym
