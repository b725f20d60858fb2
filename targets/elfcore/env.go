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
	maxStrings   = 1 << 20  // words below the auxiliary vector
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
	st, err := t.initialStack()
	if err != nil {
		return nil, nil, err
	}
	for limit := min(maxStrings, 1<<12); ; limit *= 8 {
		words := t.wordsBelow(st, min(limit, maxStrings))
		args, envp, ok := split(words)
		if ok || limit >= maxStrings {
			if envp == nil {
				return nil, nil, errNoStack
			}
			return t.strings(args), t.strings(envp), nil
		}
	}
}

// split finds the pointers to arguments and environment in the words before the
// auxiliary vector. Without argc, whose place only it proves, there are no arguments.
func split(words []uint64) (argv, envp []uint64, ok bool) {
	// They end with the 0 after the environment. Walk down to the 0 before it, then
	// to argc, which counts the words in between.
	n := len(words) - 1
	if n < 1 || words[n] != 0 {
		return nil, nil, false
	}
	i := n
	for i > 0 && words[i-1] != 0 {
		i--
	}
	envp = words[i:n:n]
	for j := i - 2; j >= 0; j-- {
		if words[j] == uint64(i-2-j) {
			return words[j+1 : i-1], envp, true
		}
		if words[j] == 0 {
			break
		}
	}
	return nil, envp, false
}

// stack is where the auxiliary vector lies in memory, and the lowest address that may
// belong to the same stack.
type stack struct{ low, auxv uint64 }

// initialStack finds the auxiliary vector in memory: below the strings that it points
// to, from the top down in pieces, for it is near the top.
func (t *Target) initialStack() (stack, error) {
	at, ok := t.Aux(atExecfn)
	if !ok || len(t.notes.auxv) < 2 {
		return stack{}, errNoStack
	}
	m := t.mappingAt(at)
	if m == nil {
		return stack{}, errNoStack
	}
	const piece = 64 << 10
	w := uint64(t.layout.word)
	low := (max(uint64(m.Base), at-min(at, maxStackScan)) + w - 1) &^ (w - 1)
	size := 2 * w * uint64(len(t.notes.auxv))
	for end := at &^ (w - 1); end > low; {
		from := max(low, end-min(end, piece))
		// With what the vector may have of the piece before.
		buf := make([]byte, min(end+size, at&^(w-1))-from)
		if err := mem.ReadFull(t.inCore, buf, mem.Addr(from)); err != nil {
			break
		}
		if i := t.findAuxv(buf); i >= 0 {
			return stack{low, from + uint64(i)}, nil
		}
		end = from
	}
	return stack{}, errNoStack
}

// mappingAt is the mapping of an address, nil if there is none.
func (t *Target) mappingAt(at uint64) *mem.Mapping {
	for i := range t.maps {
		if t.maps[i].Contains(mem.Addr(at)) {
			return &t.maps[i]
		}
	}
	return nil
}

// wordsBelow gives at most limit words below the auxiliary vector, fewer where the
// stack ends or is not in the core.
func (t *Target) wordsBelow(st stack, limit int) []uint64 {
	const piece = 1 << 20
	w := uint64(t.layout.word)
	low := max(st.low, st.auxv-min(st.auxv, w*uint64(limit)))
	buf := make([]byte, st.auxv-low)
	from := uint64(len(buf))
	for from > 0 {
		next := from - min(from, piece)
		if err := mem.ReadFull(t.inCore, buf[next:from], mem.Addr(low+next)); err != nil {
			break
		}
		from = next
	}
	out := make([]uint64, 0, (uint64(len(buf))-from)/w)
	for b := buf[from:]; len(b) > 0; b = b[w:] {
		out = append(out, t.layout.uint(b))
	}
	return out
}

// findAuxv finds the auxiliary vector in b, which begins with a word; -1 if it is
// not there. It may have been cut in the note, never in memory.
func (t *Target) findAuxv(b []byte) int {
	want, w, word := t.notes.auxv, t.layout.word, t.layout.uint
	if len(b) < 2*w*len(want) {
		return -1
	}
	for i := (len(b) - 2*w*len(want)) / w * w; i >= 0; i -= w {
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
