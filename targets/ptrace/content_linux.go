//go:build amd64 || arm64

package ptrace

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// contents are the kinds of mappings that a core has, in the words of coreadm(8).
type contents map[string]bool

// contentKinds are the words that mean something on Linux; the others of illumos are
// accepted, and choose nothing.
var (
	contentKinds = []string{"stack", "heap", "shfile", "shanon", "text", "data", "rodata", "anon", "shm"}
	contentElse  = map[string]bool{"ism": true, "dism": true, "ctf": true, "symtab": true}
)

func (c contents) has(kind string) bool { return c[kind] }

// parseContent reads words joined by + and -, from "default", "all" or "none".
// default is all but the text of shared files.
func parseContent(s string) (contents, error) {
	c := contents{}
	if s == "" {
		s = "default"
	}
	on := true
	for len(s) > 0 {
		i := strings.IndexAny(s, "+-")
		word, rest, next := s, "", on
		if i >= 0 {
			word, rest, next = s[:i], s[i+1:], s[i] == '+'
		}
		switch {
		case word == "all", word == "default", word == "none":
			for _, k := range contentKinds {
				c[k] = on == (word != "none") && !(word == "default" && k == "shfile")
			}
		case contentElse[word]:
		default:
			known := false
			for _, k := range contentKinds {
				known = known || k == word
			}
			if !known {
				return nil, fmt.Errorf("invalid content string '%s'", word)
			}
			c[word] = on
		}
		s, on = rest, next
	}
	return c, nil
}

// kindOf is what a mapping counts as.
func kindOf(r region) string {
	file := strings.HasPrefix(r.Name, "/")
	switch {
	case r.Name == "[stack]":
		return "stack"
	case r.Name == "[heap]":
		return "heap"
	case r.Name == "[vdso]":
		return "text"
	case strings.HasPrefix(r.Name, "/SYSV"):
		return "shm"
	case file && r.shared:
		return "shfile"
	case r.shared:
		return "shanon"
	case file && r.Prot&mem.ProtExec != 0:
		return "text"
	case file && r.Prot&mem.ProtWrite != 0:
		return "data"
	case file:
		return "rodata"
	}
	return "anon"
}
