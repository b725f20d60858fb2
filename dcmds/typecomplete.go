package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
)

const maxCandidates = 500 // more are no help to anybody

// completeTypes gives the type names that begin with word.
func completeTypes(s *core.Session, args []string, word string) []core.Candidate {
	tag := ""
	if n := len(args); n > 0 && tagWord(args[n-1]) {
		tag = args[n-1] + " "
	} else if strings.HasPrefix(word, "-") {
		return nil
	}
	if word == "" && tag == "" {
		return tagCandidates("")
	}
	all := tagCandidates(word)
	if tag != "" {
		all = nil
	}
	seen := map[string]bool{}
	for t := range everyType(s.Types()) {
		name, ok := typeCandidate(t, tag, word)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		all = append(all, core.Candidate{Text: name, Descr: describeType(t)})
		if len(all) >= maxCandidates {
			break
		}
	}
	return all
}

func tagCandidates(word string) []core.Candidate {
	var all []core.Candidate
	for _, tag := range []string{"struct", "union", "enum"} {
		if strings.HasPrefix(tag, word) {
			all = append(all, core.Candidate{Text: tag})
		}
	}
	return all
}

// typeCandidate tells whether a type's name completes word after a tag keyword,
// if there is one. Pointers and arrays are no help.
func typeCandidate(t *ctype.Type, tag, word string) (string, bool) {
	name := t.Name()
	if name == "" || !strings.HasPrefix(name, word) {
		return "", false
	}
	switch t.Kind() {
	case ctype.Typedef, ctype.Integer, ctype.Float:
		return name, tag == ""
	case ctype.Struct, ctype.Union, ctype.Enum, ctype.Forward:
		return name, tag != "" && t.String() == tag+name
	}
	return "", false
}

func describeType(t *ctype.Type) string {
	switch r := t.Resolve(); {
	case t.Kind() == ctype.Typedef && r.Name() != t.Name():
		return r.String()
	case t.Kind() == ctype.Forward:
		return "declaration"
	}
	return ""
}

// completeTypeMember completes "type member member ...".
func completeTypeMember(s *core.Session, args []string, word string) []core.Candidate {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	name, rest, ok := spokenType(args)
	if !ok {
		return completeTypes(s, args, word)
	}
	t, err := s.LookupType(name)
	if err != nil {
		// The value of an option was taken for the type.
		if len(rest) > 0 {
			return completeTypeMember(s, rest, word)
		}
		return completeTypes(s, rest, word)
	}
	return completeMember(s, t, word)
}

// spokenType is the type name that words begin with.
func spokenType(args []string) (name string, rest []string, ok bool) {
	switch {
	case len(args) == 0, len(args) == 1 && tagWord(args[0]):
		return "", nil, false
	case tagWord(args[0]):
		return args[0] + " " + args[1], args[2:], true
	}
	return args[0], args[1:], true
}

// completeMember completes the last name of a member path.
func completeMember(s *core.Session, t *ctype.Type, word string) []core.Candidate {
	cut := strings.LastIndexAny(word, ".>]") + 1
	path, last := word[:cut], word[cut:]
	w := s.World()
	if before := strings.TrimSuffix(strings.TrimSuffix(path, "->"), "."); before != "" {
		p, err := w.Compile(t, before)
		if err != nil || p.Err != nil {
			return nil
		}
		t = p.Type
	}
	r := w.Resolve(t)
	if r.Kind().IsPointer() {
		r = w.Resolve(r.Elem())
	}
	var all []core.Candidate
	eachMember(w.Resolve, r, 0, func(m *ctype.Member) {
		if strings.HasPrefix(m.Name, last) && len(all) < maxCandidates {
			k := w.Resolve(m.Type).Kind()
			all = append(all, core.Candidate{Text: path + m.Name, Descr: m.Type.String(),
				NoSpace: k.IsStruct() || k.IsPointer() || k == ctype.Array})
		}
	})
	return all
}

// eachMember calls f for the members, those of anonymous members included.
func eachMember(resolve func(*ctype.Type) *ctype.Type, t *ctype.Type, depth int, f func(*ctype.Member)) {
	const deep = 16
	if depth > deep {
		return
	}
	ms := t.Members()
	for i := range ms {
		if ms[i].Name == "" || ms[i].Base {
			eachMember(resolve, resolve(ms[i].Type), depth+1, f)
			continue
		}
		f(&ms[i])
	}
}

// completePrintf skips the format.
func completePrintf(s *core.Session, args []string, word string) []core.Candidate {
	if len(args) == 0 {
		return nil
	}
	quoted := strings.HasPrefix(args[0], `"`)
	i := 1
	for quoted && i <= len(args) && strings.Count(strings.Join(args[:i], " "), `"`)%2 != 0 {
		i++
	}
	if i > len(args) {
		return nil
	}
	return completeTypeMember(s, args[i:], word)
}
