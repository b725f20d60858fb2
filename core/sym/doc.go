// Package sym is symbols: tables of one load object, the list of load objects a
// target has, and MDB's rules for going from a name to an address and back.
//
// A Table holds the symbols of one ELF section (.symtab or .dynsym) or of a
// kernel's own table, in file order, with lazily built orders by address and by
// name. An Object is a load object: a name, a range of VAs and its tables. A
// Namespace is what a session looks names up in: the private symbols made by
// ::nmadd, then the objects in load order.
//
// The rules come from reference/language.md section 11.6: the symbol of an
// address is the one with the greatest value not above it; it matches in smart
// mode within its size, in absolute mode within a distance; at equal values a
// sized symbol beats an unsized one, a typed one NOTYPE, a non-weak one a weak
// one, and then the first by name wins.
package sym
