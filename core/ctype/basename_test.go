package ctype

import "testing"

func TestCanonicalBase(t *testing.T) {
	for in, want := range map[string]string{
		"long unsigned int":      "unsigned long",
		"unsigned long":          "unsigned long",
		"long long int":          "long long",
		"long long unsigned int": "unsigned long long",
		"int long unsigned":      "unsigned long",
		"short int":              "short",
		"short unsigned int":     "unsigned short",
		"unsigned":               "unsigned int",
		"signed":                 "int",
		"signed int":             "int",
		"char":                   "char",
		"signed char":            "signed char",
		"unsigned char":          "unsigned char",
		"long double":            "long double",
		"long char":              "long char",
		"long long long":         "long long long",
		"unsigned signed int":    "unsigned signed int",
		"short short":            "short short",
		"char int":               "char int",
		"uint64_t":               "uint64_t",
		"":                       "",
	} {
		if got := CanonicalBase(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
