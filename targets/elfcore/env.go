package elfcore

import (
	"errors"

	"github.com/xmdb/xmdb/core/mem"
)

// What the kernel puts on a new stack (fs/binfmt_elf.c, create_elf_tables):
// argc, the argv pointers, 0, the environment pointers, 0, the auxiliary vector.

// errNoStack is why arguments and environment are not known.
var errNoStack = errors.New("initial stack is not in the core")

// Limits of what is read from the initial stack.
const (
	maxStackScan = 64 << 20 // bytes from its top
	maxStrings   = 1 << 20  // pointers
	maxString    = 1 << 20  // bytes of one string
)

// Args gives the arguments the process was started with, as they are in memory
// now.
func (t *Target) Args() ([]string, error) {
	argv, _, err := t.initial()
	return argv, err
}

// Env gives the environment the process was started with, as it is in memory
// now: what it has set since with setenv is elsewhere.
func (t *Target) Env() ([]string, error) {
	_, env, err := t.initial()
	return env, err
}

func (t *Target) initial() (argv, env []string, err error) {
	words, err := t.beforeAuxv()
	if err != nil {
		return nil, nil, err
	}
	// words ends with the 0 after the environment. Walk down to the 0 before it,
	// then to argc, which counts the words in between.
	n := len(words) - 1
	if n < 1 || words[n] != 0 {
		return nil, nil, errNoStack
	}
	i := n
	for i > 0 && words[i-1] != 0 {
		i--
	}
	envp := words[i:n]
	for j := i - 2; j >= 0; j-- {
		if words[j] == uint64(i-2-j) {
			return t.strings(words[j+1 : i-1]), t.strings(envp), nil
		}
		if words[j] == 0 {
			break
		}
	}
	return nil, t.strings(envp), nil
}

// beforeAuxv gives the words of the initial stack below the auxiliary vector.
func (t *Target) beforeAuxv() ([]uint64, error) {
	at, ok := t.Aux(atExecfn)
	if !ok || len(t.notes.auxv) < 2 {
		return nil, errNoStack
	}
	var m *mem.Mapping
	for i := range t.maps {
		if t.maps[i].Contains(mem.Addr(at)) {
			m = &t.maps[i]
		}
	}
	if m == nil {
		return nil, errNoStack
	}
	// The vector lies below the strings it points to.
	start := max(uint64(m.Base), at-min(at, maxStackScan))
	w := uint64(t.layout.word)
	buf := make([]byte, (at-start)&^(w-1))
	start = at&^(w-1) - uint64(len(buf))
	// From the top down in pieces: the vector is near the top.
	for end := len(buf); end > 0; {
		from := max(0, end-64<<10)
		if err := mem.ReadFull(t.inCore, buf[from:end], mem.Addr(start+uint64(from))); err != nil {
			return nil, errNoStack
		}
		if i := t.findAuxv(buf[from:]); i >= 0 {
			return t.wordsBelow(buf, from+i, from, start)
		}
		end = from
	}
	return nil, errNoStack
}

// wordsBelow gives the words of buf before index at, reading as much more of it
// as there may be strings for; from is how far down buf has been read.
func (t *Target) wordsBelow(buf []byte, at, from int, start uint64) ([]uint64, error) {
	w := t.layout.word
	low := max(0, at-w*maxStrings)
	for low < from {
		next := max(low, from-1<<20)
		if err := mem.ReadFull(t.inCore, buf[next:from], mem.Addr(start+uint64(next))); err != nil {
			break
		}
		from = next
	}
	from = min(from, at)
	from += (at - from) % w
	var out []uint64
	for b := buf[from:at]; len(b) > 0; b = b[w:] {
		out = append(out, t.layout.uint(b))
	}
	return out, nil
}

// findAuxv finds the auxiliary vector in b; -1 if it is not there. It may have
// been cut in the note, never in memory.
func (t *Target) findAuxv(b []byte) int {
	want, w, word := t.notes.auxv, t.layout.word, t.layout.uint
	for i := len(b) - 2*w*len(want); i >= 0; i-- {
		if word(b[i:]) != want[0].Type {
			continue
		}
		same := true
		for k, a := range want {
			if word(b[i+2*w*k:]) != a.Type || word(b[i+2*w*k+w:]) != a.Value {
				same = false
				break
			}
		}
		if same {
			return i
		}
	}
	return -1
}

// strings reads the strings at the pointers; one that cannot be read ends with
// what could be.
func (t *Target) strings(ptrs []uint64) []string {
	out := make([]string, 0, len(ptrs))
	for _, p := range ptrs {
		s, _ := mem.ReadString(t.space, mem.Addr(p), maxString)
		out = append(out, s)
	}
	return out
}
