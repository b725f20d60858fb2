package ctype

import "strings"

// CanonicalBase spells a C integer type as C programmers and CTF do: the
// compilers' "long unsigned int" is "unsigned long". Other names are returned
// as they are.
func CanonicalBase(name string) string {
	var long, short, char, integer, signed, unsigned int
	for w := range strings.FieldsSeq(name) {
		switch w {
		case "long":
			long++
		case "short":
			short++
		case "char":
			char++
		case "int":
			integer++
		case "signed":
			signed++
		case "unsigned":
			unsigned++
		default:
			return name
		}
	}
	if long > 2 || short > 1 || char > 1 || integer > 1 || signed+unsigned > 1 ||
		min(long, 1)+short+char > 1 || char+integer > 1 {
		return name
	}
	var s string
	switch {
	case char == 1:
		if s = "char"; signed == 1 {
			s = "signed char"
		}
	case short == 1:
		s = "short"
	case long == 1:
		s = "long"
	case long == 2:
		s = "long long"
	case integer+signed+unsigned > 0:
		s = "int"
	default:
		return name
	}
	if unsigned == 1 {
		s = "unsigned " + s
	}
	return s
}
