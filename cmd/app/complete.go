package app

import (
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/line"
	"github.com/xmdb/xmdb/core/sym"
)

// maxSymbols bounds how many symbols one Tab collects.
const maxSymbols = 2000

// completer gives the candidates for what stands left of the cursor: dcmds after
// "::", the dcmd's own words and options after its name, variables after "<",
// symbols elsewhere.
func completer(s *core.Session) line.Completer {
	return func(left string) ([]line.Candidate, int) {
		stage := lastStage(left)
		i := strings.LastIndex(stage, "::")
		if i < 0 {
			return operand(s, stage)
		}
		words := fields(stage[i+2:])
		if len(words) == 1 {
			return dcmdNames(s, words[0]), len(words[0])
		}
		return argument(s, words)
	}
}

// lastStage is the text after the last ; or | that is not quoted.
func lastStage(text string) string {
	start := 0
	var quote byte
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';' || c == '|':
			start = i + 1
		}
	}
	return strings.TrimLeft(text[start:], " \t")
}

// fields splits at blanks; a trailing blank begins an empty word.
func fields(text string) []string {
	f := strings.Fields(text)
	if len(f) == 0 || strings.HasSuffix(text, " ") || strings.HasSuffix(text, "\t") {
		f = append(f, "")
	}
	return f
}

func dcmdNames(s *core.Session, word string) []line.Candidate {
	var l []line.Candidate
	for _, d := range s.Reg.AllDcmds() {
		if strings.HasPrefix(d.Name, word) && d.Descr != "" && d.Name[0] > '@' {
			l = append(l, line.Candidate{Text: d.Name, Descr: d.Descr})
		}
	}
	return l
}

func argument(s *core.Session, words []string) ([]line.Candidate, int) {
	defs := s.Reg.Dcmds(words[0])
	if len(defs) == 0 {
		return nil, 0
	}
	d, word := defs[0], words[len(words)-1]
	if strings.HasPrefix(word, "-") {
		return options(d, word), len(word)
	}
	if d.Complete == nil {
		return operand(s, word)
	}
	var l []line.Candidate
	for _, c := range d.Complete(s, words[1:len(words)-1], word) {
		l = append(l, line.Candidate{Text: c.Text, Descr: c.Descr, NoSpace: c.NoSpace})
	}
	return l, len(word)
}

func options(d *core.Dcmd, word string) []line.Candidate {
	var l []line.Candidate
	for _, o := range d.Opts {
		text := word + string(o.Letter)
		if len(word) > 1 {
			if word[1:] != string(o.Letter) {
				continue
			}
			text = word
		}
		l = append(l, line.Candidate{Text: text, Descr: o.Help, NoSpace: o.Kind == core.Str || o.Kind == core.Uint})
	}
	return l
}

// operand completes a variable or a symbol at the end of an expression.
func operand(s *core.Session, text string) ([]line.Candidate, int) {
	i := len(text)
	for i > 0 && nameChar(text[i-1]) {
		i--
	}
	word := text[i:]
	if i > 0 && text[i-1] == '<' {
		var l []line.Candidate
		for _, v := range s.Vars.All() {
			if strings.HasPrefix(v.Name, word) {
				l = append(l, line.Candidate{Text: v.Name})
			}
		}
		return l, len(word)
	}
	if word == "" {
		return nil, 0
	}
	return symbols(s.Namespace(), word), len(word)
}

func nameChar(c byte) bool {
	return c == '_' || c == '.' || c == '`' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func symbols(ns *sym.Namespace, word string) []line.Candidate {
	seen := map[string]bool{}
	object, prefix, scoped := cutObject(word)
	for _, o := range ns.Objects() {
		if scoped && o.Name != object {
			continue
		}
		for _, kind := range []sym.Kind{sym.Symtab, sym.Dynsym} {
			t := o.Table(kind)
			if t == nil {
				continue
			}
			for sy := range t.All() {
				if sy.Defined() && strings.HasPrefix(sy.Name, prefix) && len(seen) < maxSymbols {
					seen[word[:len(word)-len(prefix)]+sy.Name] = true
				}
			}
		}
	}
	l := make([]line.Candidate, 0, len(seen))
	for n := range seen {
		l = append(l, line.Candidate{Text: n, NoSpace: true})
	}
	sort.Slice(l, func(i, j int) bool { return l[i].Text < l[j].Text })
	return l
}

func cutObject(word string) (object, rest string, ok bool) {
	i := strings.LastIndexByte(word, '`')
	if i < 0 {
		return "", word, false
	}
	return word[:i], word[i+1:], true
}
