package value

import "errors"

// Absent is the error of reading what is nowhere, though its type is known: a
// variable, or a member of one, that the compiler gave no place. The printer puts
// it in place of the value and goes on.
type Absent string

// Why something is absent.
const (
	// OptimisedOut: it exists nowhere at this point of the program.
	OptimisedOut Absent = "optimised out"
	// SyntheticPointer: a pointer that exists only in the source.
	SyntheticPointer Absent = "synthetic pointer"
)

func (a Absent) Error() string { return string(a) }

// String is what is printed for the value.
func (a Absent) String() string { return "<" + string(a) + ">" }

// IsAbsent gives what to print if err says that a value is nowhere.
func IsAbsent(err error) (Absent, bool) {
	var a Absent
	ok := errors.As(err, &a)
	return a, ok
}
