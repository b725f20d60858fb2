// Package cdecl is the types the user makes: the container of ::typedef and the
// small declaration language in which structures are described to it.
//
// The language (reference/builtins.md section 9, illumos mdb_typedef.c) is not
// C. A definition is one word,
//
//	struct { int a; char *b; T c[10]; }
//	union tag { int i; char c[4]; }
//
// with members "type name;" separated by blanks: the name is the last word, stars
// may stand on either side of the blank, one array suffix may follow. There are
// no bit-fields, function pointers or nested definitions. An array length is a C
// number (since 2021; before that it was in the debugger's radix); none, 0 or
// nonsense makes the array flexible, which only the last of several members of a
// structure may be.
//
// The layout is that of the CTF library's ctf_add_member, which users of MDB
// know: a member goes to the next multiple of its alignment; the size of a
// structure is the end of its last member, without padding behind it; a
// structure as a member is aligned as its first member is. A pointer is as wide
// as the debugger's, whatever model the base types were made by.
//
// Every pointer and array made for a member becomes a named type of the
// container, so that "char *" can be looked up afterwards. Types of other
// containers are referred to, not copied; Encode copies them.
package cdecl
