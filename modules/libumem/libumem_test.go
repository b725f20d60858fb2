package libumem_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
	"github.com/xmdb/xmdb/modules/libumem"
)

// scene is a session on a core made from a description of a process.
type scene struct {
	*modtest.Session
	T    *testing.T
	c    *illumoscore.Core
	lp64 bool
	w    int // hexadecimal digits of an address
}

// open opens a core of the store manager. change alters the description or, once it
// is laid out, the memory.
func open(t *testing.T, m illumoscore.Model, describe func(*illumoscore.Process), damage func(*illumoscore.Core)) *scene {
	t.Helper()
	p := illumoscore.Storemgr(m)
	if describe != nil {
		describe(p)
	}
	c, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	if damage != nil {
		damage(c)
	}
	s := &scene{T: t, c: c, lp64: m == illumoscore.LP64, w: 2 * m.Word()}
	s.Session = modtest.OpenCoreBytes(t, "core", c.Write(), libumem.Module())
	return s
}

// both runs a test for both data models.
func both(t *testing.T, test func(*testing.T, illumoscore.Model)) {
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		t.Run(m.String(), func(t *testing.T) { test(t, m) })
	}
}

// pick gives the first where the process is of 64 bits.
func pick[T any](s *scene, lp64, ilp32 T) T {
	if s.lp64 {
		return lp64
	}
	return ilp32
}

// ptr is an address with its leading zeroes, the rest as wide.
func (s *scene) ptr(a uint64) string { return fmt.Sprintf("%0*x", s.w, a) }

// callers are the frames of an allocation: allocator and malloc, then who called.
func (s *scene) callers(first, indent string, rest ...string) string {
	l := append([]string{"libumem.so.1`" + first + pick(s, "+0x70", "+0x66"),
		"libumem.so.1`umem_alloc" + pick(s, "+0x16", "+0xf"), "libumem.so.1`malloc" + pick(s, "+0x12", "+0xf")}, rest...)
	var b strings.Builder
	for _, f := range l {
		b.WriteString(indent + f + "\n")
	}
	return b.String()
}

func (s *scene) reader() []string {
	return []string{"read_record" + pick(s, "+0x12", "+0xd"), "load_index" + pick(s, "+0x1a", "+0x10")}
}

// cacheOf gives the caches of the scenario's buffers by what was asked for: the name
// counts the bytes that malloc and the redzone add.
func (s *scene) cacheOf(size int) string {
	return map[int]string{
		24: pick(s, "umem_alloc_48", "umem_alloc_32"), 32: pick(s, "umem_alloc_48", "umem_alloc_40"), 40: pick(s, "umem_alloc_64", "umem_alloc_48"),
		100: pick(s, "umem_alloc_128", "umem_alloc_112"), 3000: "umem_alloc_4096",
	}[size]
}

func TestFindleaks(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, nil, nil)
		f := s.c.Heap
		size := pick(s, 128, 112)
		rule := strings.Repeat("-", 72) + "\n"
		want := fmt.Sprintf("%-*s %7s %*s %s\n", 16, "BYTES", "LEAKED", s.w, "VMEM_SEG", "CALLER") +
			fmt.Sprintf("%-16d %7d %*x %s\n", 200704, 1, s.w, f.Seg["big"], "worker_main+0x12") +
			rule + fmt.Sprintf("%*s %7d oversized leak, %d bytes\n", 16, "Total", 1, 200704) +
			fmt.Sprintf("\n%-*s %7s %*s %s\n", s.w, "CACHE", "LEAKED", s.w, "BUFCTL", "CALLER")
		lines := []string{
			fmt.Sprintf("%s %7d %s %s\n", s.ptr(f.Cache[s.cacheOf(100)]), 3, s.ptr(f.Bufctl["leak0"]), s.reader()[0]),
			fmt.Sprintf("%s %7d %s %s\n", s.ptr(f.Cache[s.cacheOf(24)]), 1, s.ptr(f.Bufctl["leak3"]), "worker_main+0x12"),
		}
		total := rule + fmt.Sprintf("%*s %7d buffers, %d bytes\n", s.w, "Total", 4, 3*size+pick(s, 48, 32))
		s.Run("::findleaks").OK().Want(want + lines[0] + lines[1] + total)
		s.wantSet("::walk leak", f.Seg["big"], f.Bufctl["leak0"], f.Bufctl["leak1"], f.Bufctl["leak2"], f.Bufctl["leak3"])
		s.Run(fmt.Sprintf("%x::walk leakbuf", f.Bufctl["leak3"])).OK().WantLines(fmt.Sprintf("%#x", s.raw("leak3")))
		s.Run("1234::walk leak").Want("")
		// What an address leads to is only its own leak.
		worker := s.c.Mem.Ptr(f.Bufctl["leak3"] + s.c.T.Off("umem_bufctl_audit_t", "bc_stack") + 3*uint64(s.w/2))
		s.Run(fmt.Sprintf("%x::findleaks", worker)).OK().Match("Total +1 buffer,").Match("oversized")
		s.Run("1234::findleaks").Want("findleaks: no memory leaks matching 0x1234 found\n")
		s.Run("::findleaks -v").OK().Match("findleaks: using cached results")
		s.Run("::findleaks -fv").OK().Match("maximum buffers => 10$").Match("actual buffers => 15$")
		s.Run("::findleaks -fd").OK().Match(fmt.Sprintf("^%s leak: 3 buffers, %d bytes each, %d bytes total$", s.cacheOf(100), size, 3*size)).
			Match(fmt.Sprintf("^%s leak: 1 buffer, %d bytes$", s.cacheOf(24), pick(s, 48, 32))).Match("^umem_oversize leak: 1 vmem_seg, 200704 bytes$")
	})
}

// wantSet compares the addresses a walk gives, in any order.
func (s *scene) wantSet(cmd string, want ...uint64) {
	got := strings.Fields(s.Run(cmd).OK().Out)
	var w []string
	for _, a := range want {
		w = append(w, fmt.Sprintf("%#x", a))
	}
	slices.Sort(got)
	slices.Sort(w)
	if !slices.Equal(got, w) {
		s.T.Errorf("%s: %q, want %q", cmd, got, w)
	}
}

// raw is what umem_alloc returned: malloc puts a tag before what the program gets,
// of 8 bytes or, for programs of 64 bits, of 16.
func (s *scene) raw(name string) uint64 {
	return s.c.Heap.Buf[name] - pick(s, uint64(16), 8)
}

// TestFindleaksReachable has leak0 found through a register, and rec0's list lost.
func TestFindleaksReachable(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, nil, func(c *illumoscore.Core) {
			c.Mem.PutPtr(c.Reg(1, map[bool]string{true: "rsp", false: "esp"}[m == illumoscore.LP64])+8, c.Heap.Buf["leak0"]) // a stack has it
			c.Mem.PutPtr(c.Sym("store_head"), 0)                                                                             // nothing leads to the store
		})
		s.Run("::findleaks").OK().Match(`Total +7 buffers, `)
		s.Run("::walk leakbuf ! sort").OK()
		got := s.Run("::walk leakbuf").Out
		for _, name := range []string{"store", "rec0", "rec1", "rec2", "leak1", "leak2", "leak3"} {
			if !strings.Contains(got, fmt.Sprintf("%#x\n", s.raw(name))) {
				t.Errorf("%s is not among the leaks:\n%s", name, got)
			}
		}
	})
}

// TestFindleaksPlain is a heap without debugging: no bufctls, no callers.
func TestFindleaksPlain(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, func(p *illumoscore.Process) { p.Heap.Debug, p.Heap.Log = false, false }, nil)
		f := s.c.Heap
		s.Run("::findleaks").OK().Match(fmt.Sprintf(`^%s +3 %s \?$`, s.ptr(f.Cache[s.cacheOf(100)]), s.ptr(s.raw("leak2")))).
			Match(fmt.Sprintf(`^%s +1 %s \?$`, s.ptr(f.Cache[s.cacheOf(24)]), s.ptr(s.raw("leak3")))).Match("oversized leak, 200704 bytes$")
		s.Run("::findleaks -d").OK().Match(fmt.Sprintf("^    sample addr %x$", s.raw("leak2")))
		s.Run("::umem_verify").Match("Cache Integrity")
		for _, cmd := range []string{"::umalog", "::umem_log", "::umausers"} {
			s.Run(cmd)
		}
		s.wantSet(fmt.Sprintf("%x::walk umem", f.Cache[s.cacheOf(100)]), s.raw("leak0"), s.raw("leak1"), s.raw("leak2"))
		s.Run(fmt.Sprintf("%x::whatis", s.raw("leak0")+4)).OK().Match("allocated from " + s.cacheOf(100) + "$")
	})
}

func TestBufctl(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, nil, nil)
		f := s.c.Heap
		bc := f.Bufctl["leak0"]
		malloc := "libumem.so.1`malloc" + pick(s, "+0x12", "+0xf")
		s.Run(fmt.Sprintf("%x::bufctl", bc)).OK().Want(fmt.Sprintf("%-*s %-*s %-12s %5s %s\n", s.w, "ADDR", s.w, "BUFADDR", "TIMESTAMP", "THRD", "CALLER") +
			fmt.Sprintf("%s %s %12x %5d %s\n", s.ptr(bc), s.ptr(s.raw("leak0")), 5000, 1, malloc))
		log := s.c.Mem.Ptr(bc + s.c.T.Off("umem_bufctl_audit_t", "bc_lastlog"))
		s.Run(fmt.Sprintf("%x::bufctl -v", bc)).OK().Want(fmt.Sprintf("%16s %16s %16s %16s\n%16s %16s %16s %16s\n", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD", "", "CACHE", "LASTLOG", "CONTENTS") +
			fmt.Sprintf("%16x %16x %16x %16d\n%16s %16x %16x %16d\n", bc, s.raw("leak0"), 5000, 1, "", f.Cache[s.cacheOf(100)], log, 0) +
			s.callers("umem_cache_alloc", strings.Repeat(" ", 17), s.reader()...) + "\n")
		s.Run(fmt.Sprintf("%x::walk bufctl_history", bc)).OK().WantLines(fmt.Sprintf("%#x", log))
		one := fmt.Sprintf("%s %s %12x %5d %s", s.ptr(f.Bufctl["leak3"]), s.ptr(s.raw("leak3")), 8000, 2, malloc)
		for option, lines := range map[string]int{
			"-t 2": 1, fmt.Sprintf("-c %x", s.c.Sym("read_record")): 6, fmt.Sprintf("-a %x", s.raw("leak3")): 1, "-e 0t8000": 2, "-l 0t1000": 1, "-e 0t6000 -l 0t7000": 2,
		} {
			got := strings.Split(strings.TrimSpace(s.Run("::walk bufctl | ::bufctl "+option).OK().Out), "\n")[1:]
			if len(got) != lines || lines == 1 && option[1] != 'l' && got[0] != one {
				s.T.Errorf("::bufctl %s: %q", option, got)
			}
		}
		s.Run("2::allocdby").OK().Want(fmt.Sprintf("%-*s %12s %s\n%s %12x %s\n", s.w, "BUFCTL", "TIMESTAMP", "CALLER", s.ptr(f.Bufctl["leak3"]), 8000, malloc))
		s.Run("2::freedby").OK().Match(fmt.Sprintf("^%s +%x ", s.ptr(f.Bufctl["gone0"]), 12000))
		s.Run("3::freedby").OK().Match(fmt.Sprintf("^%s +%x ", s.ptr(f.Bufctl["gone1"]), 13000))
		s.Run(fmt.Sprintf("%x::whatis", f.Buf["leak0"]+3)).OK().Match(fmt.Sprintf(`^%x is %x\+%x, allocated from %s:$`,
			f.Buf["leak0"]+3, s.raw("leak0"), f.Buf["leak0"]+3-s.raw("leak0"), s.cacheOf(100)))
		s.Run(fmt.Sprintf("%x::whatis", f.Buf["gone0"])).OK().Match("freed from " + s.cacheOf(24))
		s.Run(fmt.Sprintf("%x::whatis", f.Buf["big"])).OK().Match("umem_oversize")
		s.Run(fmt.Sprintf("%x::ugrep", f.Buf["rec0"])).OK().WantLines(fmt.Sprintf("%x", f.Buf["store"]+s.c.T.Off("struct store", "st_head")))
		s.Run(fmt.Sprintf("%x::vmem_seg", f.Seg["big"])).OK().Match("^" + s.ptr(f.Seg["big"]) + " ALLC ").Match(" libumem.so.1`malloc")
	})
}

// TestLog has the whole heap's history in the log, the newest first.
func TestLog(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, nil, nil)
		var want []string
		for _, x := range []struct {
			name   string
			time   int
			thread int
		}{
			{"gone1", 13000, 3}, {"gone0", 12000, 2}, {"kept", 11000, 1}, {"gone1", 9500, 3}, {"gone0", 9000, 2}, {"leak3", 8000, 2},
			{"leak2", 7000, 1}, {"leak1", 6000, 1}, {"leak0", 5000, 1}, {"rec2", 4000, 1}, {"rec1", 3000, 1}, {"rec0", 2000, 1}, {"store", 1000, 1},
		} {
			want = append(want, fmt.Sprintf("%s %16x %s", s.ptr(s.raw(x.name)), x.time, s.ptr(uint64(x.thread))))
		}
		lines := strings.Split(strings.TrimSpace(s.Run("::umem_log").OK().Out), "\n")[1:]
		for i, l := range lines {
			if i >= len(want) || !strings.HasPrefix(l, "  0 ") || l[4+s.w+1:] != want[i] {
				t.Errorf("line %d of ::umem_log is %q", i, l)
			}
		}
		first := "\nT-0.000000000  addr=" + fmt.Sprintf("%x  %s\n", s.raw("gone1"), s.cacheOf(24)) + strings.Replace(s.callers("umem_cache_free", "         ", "worker_main+0x12"), "umem_alloc"+pick(s, "+0x16", "+0xf"), "umem_alloc"+pick(s, "+0x76", "+0x72"), 1)
		if got := s.Run("::umalog").OK().Out; !strings.HasPrefix(got, first) || strings.Count(got, "addr=") != 13 {
			t.Errorf("::umalog is\n%s", got)
		}
		s.Run("::umausers -e").OK().Match(fmt.Sprintf("^%d bytes for 3 allocations with data size %d:$", 3*pick(s, 128, 112), pick(s, 128, 112)))
		s.Run("::umausers").OK().Want("")
	})
}

func TestStatus(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		s := open(t, m, nil, nil)
		f := s.c.Heap
		s.Run("::umem_status").OK().Want("Status:         ready and active\nConcurrency:    1\nLogs:           transaction=64k \nMessage buffer:\numem: test message\n\n")
		used := pick(s, "    48", "    32")
		s.Run("::umastat").OK().Match(fmt.Sprintf(`^%-25s %s %7d       - +\d+      4K `, s.cacheOf(24), used, pick(s, 4, 1))).
			Match(`^sbrk_top +[0-9.]+M +4M +4M +1     0 $`).Match(`^        umem_oversize +196K +196K +196K +1     0 $`)
		s.Run("::umem_cache").OK().Match(fmt.Sprintf("^%s %-25s 020f 00000000 %8s +", s.ptr(f.Cache[s.cacheOf(24)]), s.cacheOf(24), strings.TrimSpace(used)))
		s.Run("::walk umem_cache | ::umem_cache ! wc -l").OK()
		s.Run("::umem_malloc_info").OK().Match(fmt.Sprintf(`^%s +%s +%d +%d +%d +%d +`, s.ptr(f.Cache[s.cacheOf(24)]), strings.TrimSpace(used), pick(s, 32, 24), pick(s, 4, 1), pick(s, 30, 24), pick(s, 120, 24)))
		dist := s.Run("::umem_malloc_dist -d").OK()
		dist.Match(`24 .* 1$`).Match(`32 .* 3$`).Match(`100 .* 3$`)
		s.Run("::vmem").OK().Match(fmt.Sprintf(`^%s sbrk_top +\d+ +4194304 +1     0$`, s.ptr(f.Arena["sbrk_top"]))).
			Match(fmt.Sprintf(`^%s     umem_oversize +200704 +200704 +1     0$`, s.ptr(f.Arena["umem_oversize"])))
		s.Run(fmt.Sprintf("%x::walk vmem_alloc", f.Arena["umem_oversize"])).OK().WantLines(fmt.Sprintf("%#x", f.Seg["big"]))
	})
}

// TestVerify has buffers written past their ends, after they were freed, and buftags
// overwritten.
func TestVerify(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		clean := open(t, m, nil, nil)
		for _, l := range strings.Split(strings.TrimSpace(clean.Run("::umem_verify").OK().Out), "\n")[1:] {
			if !strings.HasSuffix(l, " clean") {
				t.Errorf("%q", l)
			}
		}
		s := open(t, m, nil, func(c *illumoscore.Core) {
			c.Mem.Put(c.Heap.Buf["leak1"]+100, []byte{0}) // one byte too many
			c.Mem.Put(c.Heap.Buf["gone0"]+8, []byte("after"))
			k := c.Mem.At("umem_cache_t", c.Heap.Cache[map[bool]string{true: "umem_alloc_128", false: "umem_alloc_112"}[m == illumoscore.LP64]])
			tag := c.Mem.Ptr(k.Field("cache_buftag"))
			raw := c.Heap.Buf["leak2"] - map[bool]uint64{true: 16, false: 8}[m == illumoscore.LP64]
			c.Mem.PutPtr(raw+tag+8, 0x1234) // bufctl pointer
		})
		k := s.c.Heap.Cache[s.cacheOf(100)]
		s.Run("::umem_verify").OK().Match(fmt.Sprintf(`^%s +%x 2 corrupt buffers$`, s.cacheOf(100), k)).
			Match(fmt.Sprintf(`^%s +%x 1 corrupt buffer$`, s.cacheOf(24), s.c.Heap.Cache[s.cacheOf(24)]))
		s.Run(fmt.Sprintf("%x::umem_verify", k)).OK().WantLines(fmt.Sprintf("Summary for cache '%s'", s.cacheOf(100)),
			fmt.Sprintf("buffer %x (allocated) has a corrupt buftag", s.raw("leak2")),
			fmt.Sprintf("buffer %x (allocated) has a corrupt redzone size encoding", s.raw("leak1")))
		s.Run(fmt.Sprintf("%x::umem_verify", s.c.Heap.Cache[s.cacheOf(24)])).OK().WantLines(fmt.Sprintf("Summary for cache '%s'", s.cacheOf(24)),
			fmt.Sprintf("buffer %x (free) seems corrupted, at %x", s.raw("gone0"), (s.c.Heap.Buf["gone0"]+8)&^7))
	})
}

// messages are those that TestCorrupt expects, where the damage cannot go unseen.
var messages = map[string]string{
	"cache list that loops": "list does not end", "slab list that loops": "list does not end",
	"hash chain that loops": "hash chain does not end", "sizes without bound": "is not a valid umem_cache_t", "hash without bound": "2147483648 buckets",
	"magazine without bound": "unreasonable", "CPUs without bound": "couldn't read umem_cpu_cache", "arenas that loop": "list does not end",
	"log without bound": "1073741824 chunks of 1073741824 bytes", "no symbols' values": "umem is not loaded in the address space",
}

// TestCorrupt breaks the structures of the heap: every command ends, with a message.
func TestCorrupt(t *testing.T) {
	commands := []string{
		"::umastat", "::umem_cache", "::findleaks", "::findleaks -fd", "::umem_verify", "::umalog", "::umem_log", "::umausers -e", "::umem_malloc_info", "::umem_malloc_dist",
		"::umem_status", "::vmem", "::walk umem", "::walk bufctl", "::walk freemem", "::walk vmem_postfix", "::walk vmem | ::walk vmem_seg", "::walk umem_cache | ::walk umem_slab", "::walk umem_log",
	}
	both(t, func(t *testing.T, m illumoscore.Model) {
		cache := map[bool]string{true: "umem_alloc_128", false: "umem_alloc_112"}[m == illumoscore.LP64]
		for name, damage := range map[string]func(*illumoscore.Core){
			"cache list that loops": func(c *illumoscore.Core) {
				k := c.Mem.At("umem_cache_t", c.Heap.Cache[cache])
				k.Set("cache_next", k.Field("cache_name")&^7)
				k.Set("cache_next", c.Heap.Cache["umem_alloc_16"])
			},
			"slab list that loops": func(c *illumoscore.Core) {
				k := c.Mem.At("umem_cache_t", c.Heap.Cache[cache])
				slab := c.Mem.Ptr(k.Field("cache_nullslab.slab_next"))
				c.Mem.PutPtr(slab+c.T.Off("umem_slab_t", "slab_next"), slab)
			},
			"slab list into nowhere": func(c *illumoscore.Core) {
				c.Mem.At("umem_cache_t", c.Heap.Cache[cache]).Set("cache_nullslab.slab_next", 0x10)
			},
			"free list that loops": func(c *illumoscore.Core) {
				k := c.Mem.At("umem_cache_t", c.Heap.Cache[cache])
				slab := c.Mem.Ptr(k.Field("cache_nullslab.slab_next"))
				head := c.Mem.Ptr(slab + c.T.Off("umem_slab_t", "slab_head"))
				c.Mem.PutPtr(head, head)
			},
			"hash chain that loops": func(c *illumoscore.Core) {
				bc := c.Heap.Bufctl["leak0"]
				c.Mem.PutPtr(bc, bc)
			},
			"sizes without bound": func(c *illumoscore.Core) {
				k := c.Mem.At("umem_cache_t", c.Heap.Cache[cache])
				k.Set("cache_bufsize", 1<<31-1).Set("cache_chunksize", 0).Set("cache_slabsize", 1<<31-1).Set("cache_buftag", 1<<31-1).Set("cache_bufctl", 1<<31-1)
			},
			"hash without bound": func(c *illumoscore.Core) {
				c.Mem.At("umem_cache_t", c.Heap.Cache[cache]).Set("cache_hash_mask", 1<<31-1).Set("cache_hash_shift", 77)
			},
			"magazine without bound": func(c *illumoscore.Core) {
				for _, k := range c.Heap.Cache {
					c.Mem.At("umem_cache_t", k).Set("cache_cpu[0].cc_rounds", 1<<30).Set("cache_cpu[0].cc_magsize", 1<<30)
				}
			},
			"CPUs without bound": func(c *illumoscore.Core) { c.Mem.Put32(c.Sym("libumem.so.1`umem_max_ncpus"), 1<<31) },
			"arenas that loop": func(c *illumoscore.Core) {
				a := c.Mem.At("vmem_t", c.Heap.Arena["sbrk_top"])
				a.Set("vm_next", c.Heap.Arena["umem_oversize"]).Set("vm_source", c.Heap.Arena["umem_oversize"])
				c.Mem.At("vmem_t", c.Heap.Arena["umem_oversize"]).Set("vm_next", c.Heap.Arena["sbrk_top"])
			},
			"segments that loop": func(c *illumoscore.Core) {
				s := c.Mem.At("vmem_seg_t", c.Heap.Seg["big"])
				s.Set("vs_anext", c.Heap.Seg["big"]).Set("vs_knext", c.Heap.Seg["big"])
			},
			"log without bound": func(c *illumoscore.Core) {
				h := c.Mem.Ptr(c.Sym("libumem.so.1`umem_transaction_log"))
				if h != 0 {
					c.Mem.At("umem_log_header_t", h).Set("lh_nchunks", 1<<30).Set("lh_chunksize", 1<<30)
				}
			},
			"stack without bound": func(c *illumoscore.Core) {
				c.Mem.Put32(c.Sym("libumem.so.1`umem_stack_depth"), 1<<31)
				c.Mem.At("umem_bufctl_audit_t", c.Heap.Bufctl["leak0"]).Set("bc_depth", 1<<31-1)
			},
			"message buffer": func(c *illumoscore.Core) { c.Mem.Put32(c.Sym("libumem.so.1`umem_error_begin"), 1<<31) },
			"magazine types": func(c *illumoscore.Core) {
				b := make([]byte, c.T.Size("umem_magtype_t")*4)
				for i := range b {
					b[i] = 0xff
				}
				c.Mem.Put(c.Sym("libumem.so.1`umem_magtype"), b)
			},
			"no symbols' values": func(c *illumoscore.Core) {
				for _, n := range []string{"umem_ready", "umem_null_cache", "vmem_list", "umem_cpus"} {
					c.Mem.PutPtr(c.Sym("libumem.so.1`"+n), 0)
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := open(t, m, nil, damage)
				var said strings.Builder
				for _, cmd := range commands {
					said.WriteString(s.Run(cmd).Err)
				}
				if !strings.Contains(said.String(), messages[name]) {
					t.Errorf("no message %q in\n%s", messages[name], said.String())
				}
			})
		}
	})
}
