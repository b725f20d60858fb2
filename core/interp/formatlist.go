package interp

import "fmt"

// FormatDoc describes one format character for ::formats.
type FormatDoc struct {
	Char  byte
	Descr string
	Size  int // bytes; see the constants
}

// Sizes of a FormatDoc besides a number of bytes.
const (
	SizeNone     = -1 // dot does not move
	SizeVariable = 0
)

// Formats lists the format characters in the order of their codes. ptr is the
// size of a pointer in bytes.
func Formats(ptr int) []FormatDoc {
	return []FormatDoc{
		{'+', "increment dot by the count", SizeVariable},
		{'-', "decrement dot by the count", SizeVariable},
		{'B', "hexadecimal int", 1},
		{'C', "character using C character notation", 1},
		{'D', "decimal signed int", 4},
		{'E', "decimal unsigned long long", 8},
		{'F', "double", 8},
		{'G', "octal unsigned long long", 8},
		{'H', "swap bytes and shorts", 4},
		{'I', "address and disassembled instruction", SizeVariable},
		{'J', "hexadecimal long long", 8},
		{'K', "hexadecimal uintptr_t", ptr},
		{'L', "match int", 4},
		{'M', "match long long", 8},
		{'N', "newline", SizeNone},
		{'O', "octal unsigned int", 4},
		{'P', "symbol", ptr},
		{'Q', "octal signed int", 4},
		{'R', "binary unsigned long long", 8},
		{'S', "string using C string notation", SizeVariable},
		{'T', "horizontal tab", SizeNone},
		{'U', "decimal unsigned int", 4},
		{'V', "decimal unsigned int", 1},
		{'W', "write default radix unsigned int", 4},
		{'X', "hexadecimal int", 4},
		{'Y', "decoded time32_t", 4},
		{'Z', "write hexadecimal long long", 8},
		{'^', "decrement dot by increment * count", SizeVariable},
		{'a', "dot as symbol+offset", SizeNone},
		{'b', "octal unsigned int", 1},
		{'c', "character", 1},
		{'d', "decimal signed short", 2},
		{'e', "decimal signed long long", 8},
		{'f', "float", 4},
		{'g', "octal signed long long", 8},
		{'h', "swap bytes", 2},
		{'i', "disassembled instruction", SizeVariable},
		{'j', "jazzed-up binary unsigned long long", 8},
		{'l', "match short", 2},
		{'n', "newline", SizeNone},
		{'o', "octal unsigned short", 2},
		{'p', "symbol", ptr},
		{'q', "octal signed short", 2},
		{'r', "whitespace", SizeNone},
		{'s', "raw string", SizeVariable},
		{'t', "horizontal tab", SizeNone},
		{'u', "decimal unsigned short", 2},
		{'v', "write decimal signed int", 1},
		{'w', "write default radix unsigned short", 2},
		{'x', "hexadecimal short", 2},
		{'y', "decoded time64_t", 8},
		{'z', "write whose size is inferred by CTF info", SizeVariable},
	}
}

// String is the line of ::formats.
func (f FormatDoc) String() string {
	switch f.Size {
	case SizeNone:
		return fmt.Sprintf("%c - %s", f.Char, f.Descr)
	case SizeVariable:
		return fmt.Sprintf("%c - %s (variable size)", f.Char, f.Descr)
	case 1:
		return fmt.Sprintf("%c - %s (1 byte)", f.Char, f.Descr)
	}
	return fmt.Sprintf("%c - %s (%d bytes)", f.Char, f.Descr, f.Size)
}
