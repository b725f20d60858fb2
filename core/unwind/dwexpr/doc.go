// Package dwexpr evaluates DWARF expressions: the small stack programs by which
// debug information says where an object is or what its value was, and by which
// call frame information computes a register.
//
// # Model
//
// Eval runs an expression and gives a Location (EvalValue the value of one that is
// no location, EvalAddr that value as an address): an address in memory, a register,
// a value, bytes that the debug information itself holds, an implicit pointer, or
// a composite of pieces of these. Location.ReadBits fetches an object's bits from
// whichever it is.
//
// The evaluator knows nothing of processes or of debug information. Everything
// it needs beyond the expression it asks of an Env, whose functions may each be
// nil: an operation that needs a missing one fails with ErrUnavailable. What the
// program at that point simply no longer has (a register that was not saved, an
// entry value nobody recorded, an empty expression) is ErrOptimisedOut.
//
// # Format
//
// DWARF 5 sections 2.5 and 2.6; the numbers are from section 7.7. The GNU forms
// that preceded DWARF 5 (GNU_entry_value, the typed stack, GNU_implicit_pointer,
// GNU_addr_index) and those that never entered it (GNU_push_tls_address,
// GNU_uninit, GNU_encoded_addr, GNU_parameter_ref, GNU_variable_value) are
// as GCC emits them. Values on the stack are typed as DWARF 5 has it: the generic
// type is as wide as an address; base types may be integers up to 128 bits and
// floats of 32 and 64 bits. Wider floats can be moved about but not computed with
// (ErrUnsupported).
//
// # Limits
//
// An expression is a program and may loop: a run ends after MaxSteps operations,
// MaxStack values, MaxDepth nested calls, MaxPieces pieces. Nothing panics,
// whatever the bytes.
package dwexpr
