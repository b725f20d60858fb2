package golang

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// overlay is a Space in which some words are others than in memory.
type overlay struct {
	under mem.Space
	words map[uint64]uint64
}

func (o *overlay) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := o.under.ReadAt(p, a)
	for at, v := range o.words {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		for i := range b {
			if k := at + uint64(i) - uint64(a); k < uint64(n) {
				p[k] = b[i]
			}
		}
	}
	return n, err
}

// damage makes the session read words that are not there.
func (s *session) damage(words map[uint64]uint64) {
	s.Context().Space = nil
	s.Context().Space = &overlay{s.Space(), words}
	s.Changed()
}

// member is the address of a member of a structure.
func (s *session) member(typ string, addr uint64, path string) uint64 {
	s.t.Helper()
	v, err := s.ValueAt(typ, addr)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := v.Path(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return uint64(m.Addr)
}

// variable is a variable of the program.
func (s *session) variable(name, path string) value.Value {
	s.t.Helper()
	r, err := runtimeOf(s.Session)
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := r.global(name)
	if err == nil && path != "" {
		v, err = v.Path(path)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *session) word(v value.Value) uint64 {
	s.t.Helper()
	u, err := v.Uint()
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

const wild = 0x414141414141

// within fails if f takes longer than a command may.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > d {
		t.Errorf("took %v", took)
	}
}

// TestDamage damages one structure at a time: the message names where.
func TestDamage(t *testing.T) {
	base := open(t, "gort/default")
	old := open(t, "gort/1.22")
	m := base.word(base.variable("runtime.allm", ""))
	link := base.member("runtime.m", m, "alllink")
	next := base.word(value.Value{Type: base.variable("runtime.allm", "").Type, W: base.World(), Addr: mem.Addr(link)})
	gs := base.variable("runtime.allgs", "")
	array := base.word(base.variable("runtime.allgs", "array"))
	sleeper := uint64(0)
	fmt.Sscanf(base.rows("::goroutines -t sleep")[0]["addr"].(string), "0x%x", &sleeper)
	sudog := base.word(base.variable("main.unbuffered", "recvq.first"))
	large := base.word(base.variable("main.largeMap", ""))
	buf := base.word(base.variable("main.buffered", ""))
	span := base.word(base.variable("runtime.mheap_", "allspans.array[0]"))
	md := uint64(base.variable("runtime.firstmoduledata", "").Addr)
	hmap := old.word(old.variable("main.largeMap", ""))
	bucket := old.word(old.variable("main.largeMap", "buckets"))
	over := uint64(old.variable("main.largeMap", "buckets[0].overflow").Addr)
	efaces := base.word(base.variable("main.efaces", "array"))
	for _, c := range []struct {
		name  string
		s     *session
		words map[uint64]uint64
		cmd   string
		want  string
	}{
		{"threads in a circle", base, map[uint64]uint64{base.member("runtime.m", next, "alllink"): m}, "::walk m", fmt.Sprintf("comes back to %#x", m)},
		{"a wild link of threads", base, map[uint64]uint64{link: wild}, "::walk m", fmt.Sprintf("%#x", wild)},
		{"a wild link of threads, in the list", base, map[uint64]uint64{link: wild}, "::goroutines", fmt.Sprintf("%#x", wild)},
		{"very many goroutines", base, map[uint64]uint64{uint64(gs.Addr) + 8: 1 << 40, uint64(gs.Addr) + 16: 1 << 40}, "::goroutines", fmt.Sprintf("%#x", array)},
		{"fewer than no goroutines", base, map[uint64]uint64{uint64(gs.Addr) + 8: ^uint64(0)}, "::walk goroutine", fmt.Sprintf("%#x", array)},
		{"goroutines elsewhere", base, map[uint64]uint64{uint64(gs.Addr): wild}, "::goroutines", fmt.Sprintf("%#x", wild)},
		{"a wild goroutine", base, map[uint64]uint64{array + 16: wild}, "::goroutines", fmt.Sprintf("read runtime.g at %#x", wild)},
		{"a wild stack", base, map[uint64]uint64{base.member("runtime.g", sleeper, "sched.sp"): wild}, fmt.Sprintf("%x::gostack", sleeper), "stack ends"},
		{"no program counter", base, map[uint64]uint64{base.member("runtime.g", sleeper, "sched.pc"): 0}, fmt.Sprintf("%x::gostack", sleeper), fmt.Sprintf("%#x", sleeper)},
		{"waiters in a circle", base, map[uint64]uint64{base.member("runtime.sudog", sudog, "next"): sudog}, `"main.unbuffered"::goprint`, fmt.Sprintf("comes back to %#x", sudog)},
		{"a wild waiter", base, map[uint64]uint64{base.member("runtime.sudog", sudog, "next"): wild}, `"main.unbuffered"::goprint`, fmt.Sprintf("%#x", wild)},
		{"a channel that is none", base, map[uint64]uint64{base.member("runtime.hchan", buf, "qcount"): 77}, `"main.buffered"::goprint`, fmt.Sprintf("no channel at %#x", buf)},
		{"a wild channel", base, map[uint64]uint64{uint64(base.variable("main.unbuffered", "").Addr): wild}, `"main.unbuffered"::goprint`, fmt.Sprintf("%#x", wild)},
		{"a directory of no size", base, map[uint64]uint64{large + 24: 3}, `"main.largeMap"::goprint`, fmt.Sprintf("%#x", large)},
		{"a wild directory", base, map[uint64]uint64{large + 16: wild}, `"main.largeMap"::goprint`, fmt.Sprintf("%#x", wild)},
		{"a map that counts wrong", base, map[uint64]uint64{large: 3}, `"main.largeMap"::goprint -l 0t10000`, fmt.Sprintf("map at %#x says it has 3 entries, 700", large)},
		{"overflow buckets in a circle", old, map[uint64]uint64{over: bucket}, `"main.largeMap"::goprint -l 0t10000`, fmt.Sprintf("come back to %#x", bucket)},
		{"2^200 buckets", old, map[uint64]uint64{hmap + 8: 200 << 8}, `"main.largeMap"::goprint`, fmt.Sprintf("map at %#x", hmap)},
		{"a huge span", base, map[uint64]uint64{base.member("runtime.mspan", span, "npages"): 1 << 50}, "::gospans", fmt.Sprintf("no span at %#x", span)},
		{"modules in a circle", base, map[uint64]uint64{base.member("runtime.moduledata", md, "next"): md}, `"main.efaces"::goprint; 1::whatis`, fmt.Sprintf("comes back to %#x", md)},
		{"a wild type", base, map[uint64]uint64{efaces + 16: wild}, `"main.efaces"::goprint`, fmt.Sprintf("%#x", wild)},
		{"a type in the middle of another", base, map[uint64]uint64{efaces + 16: base.word(base.variable("main.efaces", "array[1]._type")) + 4}, `"main.efaces"::goprint`, "no type at"},
		{"an enormous string", base, map[uint64]uint64{uint64(base.variable("main.text", "").Addr) + 8: 1 << 60}, `"main.text"::goprint`, "bytes"},
		{"an enormous slice", base, map[uint64]uint64{uint64(base.variable("main.words", "").Addr) + 8: 1 << 60, uint64(base.variable("main.words", "").Addr) + 16: 1 << 60}, `"main.words"::goprint -l 0t100000`, "???"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.damage(c.words)
			defer c.s.damage(nil)
			within(t, time.Minute, func() {
				out, errs := c.s.try(c.cmd)
				if !strings.Contains(out+errs, c.want) {
					t.Errorf("%s: no %q in\n%.2000s%s", c.cmd, c.want, out, errs)
				}
			})
		})
	}
}

// commands reach every decoder.
var commands = []string{
	"::goroutines -u", "::gostacks", "::walk m", "::walk p", "::gospans", `"main.lion"::goprint -p`, `"main.largeMap"::goprint`,
	`"main.anyMap"::goprint -p`, `"main.broadMap"::goprint`, `"main.efaces"::goprint -p`, `"main.keepers"::goprint -p`,
	`"main.unbuffered"::goprint`, `"main.full"::goprint`, `*"main.lion"::whatis`, `**"main.keepers"::gotype`, `"main.matrix"::goprint`,
}

// places are addresses of structures that the commands read.
func places(s *session) []uint64 {
	var l []uint64
	add := func(v value.Value) { l = append(l, uint64(v.Addr)) }
	for _, name := range []string{
		"runtime.allgs", "runtime.allm", "runtime.allp", "runtime.firstmoduledata", "main.largeMap", "main.anyMap", "main.efaces",
		"main.keepers", "main.unbuffered", "main.full", "main.lion", "main.matrix",
	} {
		v := s.variable(name, "")
		add(v)
		if b := v.Base(); b.Kind().IsPointer() {
			l = append(l, s.word(v))
		} else if a, err := v.Path("array"); err == nil {
			p, _ := a.Uint()
			l = append(l, p)
		}
	}
	add(s.variable("runtime.mheap_", "allspans"))
	l = append(l, s.word(s.variable("runtime.mheap_", "allspans.array[0]")))
	r, err := runtimeOf(s.Session)
	if err != nil {
		s.t.Fatal(err)
	}
	gs, err := r.pointers(s.variable("runtime.allgs", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	l = append(l, gs[:10]...)
	for _, v := range []string{"main.efaces", "main.keepers"} {
		a := s.word(s.variable(v, "array"))
		for i := range uint64(2) {
			p, err := r.pointer(a + i*16)
			if err == nil && p != 0 {
				l = append(l, p)
			}
		}
	}
	for _, g := range gs[:10] {
		if p, err := r.goroutineAt(g); err == nil {
			l = append(l, p.SP)
		}
	}
	return l
}

// TestRandomDamage runs every command on programs whose structures have words
// that are noise: none may hang or panic.
func TestRandomDamage(t *testing.T) {
	for _, name := range []string{"gort/default", "gort/1.22"} {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			at := places(s)
			rnd := rand.New(rand.NewPCG(1, 3))
			for i := range 150 {
				words := map[uint64]uint64{}
				for range 1 + i%4 {
					a := at[rnd.IntN(len(at))] + uint64(rnd.IntN(60))*8
					words[a] = noise(rnd, at)
				}
				s.damage(words)
				cmd := commands[rnd.IntN(len(commands))]
				within(t, time.Minute, func() { s.try(cmd) })
				if t.Failed() {
					t.Fatalf("%s with %#x", cmd, words)
				}
			}
		})
	}
}

func noise(rnd *rand.Rand, at []uint64) uint64 {
	values := []uint64{0, 1, 7, ^uint64(0), 1 << 63, 1 << 40, wild, at[rnd.IntN(len(at))], rnd.Uint64(), rnd.Uint64() >> 32}
	return values[rnd.IntN(len(values))]
}

// FuzzRuntime overlays the runtime's structures with words of the fuzzer's choice:
// records of a place, an offset and a value, then a command.
func FuzzRuntime(f *testing.F) {
	s := open(f, "gort/default")
	at := places(s)
	f.Add([]byte{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{5, 12, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{3, 20, 2, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0, 0, 15, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 11 || len(b) > 110 {
			return
		}
		cmd := commands[int(b[0])%len(commands)]
		words := map[uint64]uint64{}
		for ; len(b) >= 11; b = b[11:] {
			words[at[int(b[1])%len(at)]+8*uint64(b[2])] = binary.LittleEndian.Uint64(b[3:])
		}
		s.t = t
		s.damage(words)
		s.try(cmd)
	})
}
