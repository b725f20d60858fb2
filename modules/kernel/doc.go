// Package kernel is what modules about parts of an illumos kernel read its memory
// with: structures by the names of their members, variables by their symbols, list_t
// and avl_tree_t.
//
// # The model
//
// A View belongs to a session and lasts until its target changes. A module declares
// a Go structure of Fields with the members' names in tags and lays it out over the
// kernel's own type (View.Lay): each Field then is an offset and a size, and taking a
// member out of the bytes of an object costs an index and a load. That is for what is
// read a million times (slabs, segments, pages); for the rest there is value.Load.
//
// # Invariants
//
// No offset is known here. Members that releases name differently stand as
// alternatives in the tag ("list_next|next"); one that a release does not have and
// that is tagged optional reads as zero, and Field.OK tells.
//
// Lists of names and values (nvlist_t) are read and printed here too, for modules whose
// objects have one.
//
// Walks of lists and trees are bounded: an element that was there before, or that
// cannot be read, ends the walk with an error that names its address.
package kernel
