package ctype

import "testing"

func TestBaseNames(t *testing.T) {
	for in, want := range map[string]string{
		"long unsigned int": "unsigned long", "short int": "short", "long long int": "long long", "int": "int",
		"unsigned char": "unsigned char", "signed char": "char", "short unsigned int": "unsigned short",
		"long double": "long double", "node_t": "node_t", "unsigned int": "unsigned int", "long int": "long",
		"long long unsigned int": "unsigned long long", "unsigned": "unsigned int",
	} {
		if got := BaseNames(in)[0]; got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
