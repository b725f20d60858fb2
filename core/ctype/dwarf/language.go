package dwarf

// Language is the family of languages a unit was written in.
type Language uint8

// Families of languages.
const (
	OtherLanguage Language = iota
	C
	CPlusPlus
	Rust
	Go
	Assembly
)

func (l Language) String() string {
	return [...]string{"other", "C", "C++", "Rust", "Go", "assembly"}[l]
}

// languageOf maps DW_LANG codes (DWARF 5 table 7.17 and the list of codes
// assigned since on dwarfstd.org).
func languageOf(code uint64) Language {
	switch code {
	case 0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e: // C89, C, C99, C11, C17, C23
		return C
	case 0x10, 0x12, 0x15: // Objective-C, UPC, OpenCL
		return C
	case 0x04, 0x11, 0x19, 0x1a, 0x21, 0x2a, 0x2b, 0x3a: // C++ (98), Objective-C++, 03, 11, 14, 17, 20, 23
		return CPlusPlus
	case 0x1c, 0x9000: // the latter before a number was assigned
		return Rust
	case 0x16:
		return Go
	case 0x31, 0x8001: // Assembly, Mips_Assembler (what GNU as writes)
		return Assembly
	}
	return OtherLanguage
}

// lowerBound is the index of the first element of an array that does not say.
func lowerBound(code uint64) int64 {
	switch code {
	case 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0d, 0x0e, 0x0f, 0x17, 0x1f, 0x22, 0x23, 0x2d, 0x2e, 0x2f:
		return 1 // Ada, COBOL, Fortran, Pascal, Modula, PL/I, Julia
	}
	return 0
}
