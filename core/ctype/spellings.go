package ctype

import "strings"

// BaseNames gives the other spellings of a C base type, the one CTF uses first:
// DWARF's "long unsigned int" is CTF's "unsigned long". A name that is no base
// type's is its own only spelling.
func BaseNames(name string) []string {
	words := strings.Fields(name)
	var long, signed, unsigned int
	core := ""
	for _, w := range words {
		switch w {
		case "long":
			long++
		case "signed":
			signed++
		case "unsigned":
			unsigned++
		case "int", "char", "short", "double", "float":
			if core != "" && (core != "short" || w != "int") && (core != "int" || w != "short") {
				return []string{name}
			}
			if core == "" || w == "short" {
				core = w
			}
		default:
			return []string{name}
		}
	}
	if core == "" && long+signed+unsigned == 0 || core == "double" || core == "float" {
		return []string{name}
	}
	return spellings(core, long, unsigned > 0, name)
}

func spellings(core string, long int, unsigned bool, name string) []string {
	all := []string{}
	add := func(s string) {
		for _, o := range all {
			if o == s {
				return
			}
		}
		all = append(all, s)
	}
	u := ""
	if unsigned {
		u = "unsigned "
	}
	l := strings.TrimSuffix(strings.Repeat("long ", long), " ")
	switch {
	case core == "char":
		add(u + "char")
		if !unsigned {
			add("signed char")
		}
	case core == "short":
		add(u + "short")
		add("short " + u + "int")
		add(u + "short int")
	case long > 0:
		add(u + l)
		add(l + " " + u + "int")
		add(u + l + " int")
	default:
		add(u + "int")
		if unsigned {
			add("unsigned")
		} else {
			add("signed")
			add("signed int")
		}
	}
	add(name)
	return all
}
