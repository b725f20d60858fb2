package kmem_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
)

// image is a kernel with buffers allocated and freed, and where they are.
type image struct {
	*illumos.Kernel
	files, freed []illumos.Obj
	thread       uint64 // that did it
	segkp        uint64
	ids          *illumos.Arena
	id           uint64
}

// Ways that a kernel may keep track of buffers (kmem_flags).
const (
	plain = 0
	lite  = 0x100
	audit = 0xf
)

const (
	fileCount = 300
	freeEvery = 3
)

func build(flags uint32) *image {
	k := &image{Kernel: illumos.New(illumos.Real(), illumos.Options{KmemFlags: flags, NCPU: 2, MemBytes: 64 << 20})}
	thread := k.New("thread_cache", "kthread_t")
	k.thread = thread.Addr
	k.Global("allthreads").Set("", thread.Set("t_next", thread))
	k.Global("memsegs")
	k.Caller(k.thread, k.Func("kmem_cache_alloc"), k.Func("falloc")+0x20, k.Func("copen")+0x100)
	for i := range fileCount {
		k.OnCPU(i & 1)
		k.files = append(k.files, k.New("file_cache", "file_t"))
	}
	k.Caller(k.thread, k.Func("kmem_cache_free"), k.Func("closef")+0x80)
	var kept []illumos.Obj
	for i, f := range k.files {
		if i%freeEvery != 0 {
			kept = append(kept, f)
			continue
		}
		k.OnCPU(i >> 2 & 1)
		k.Free("file_cache", f)
		k.freed = append(k.freed, f)
	}
	k.files = kept
	k.Caller(0)
	k.segkp = k.Segkp(40)
	k.ids = k.NewIDArena("sample_minor", 0x5000000, 1000)
	k.id = k.ids.Alloc(1)
	return k
}

func open(t testing.TB, k *image, spoil ...func()) *modtest.Session {
	t.Helper()
	f := k.Finish()
	for _, do := range spoil {
		do()
	}
	var b bytes.Buffer
	if err := f.WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	return modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), genunix.Module())
}

// eachFlags runs a test on kernels that track buffers in each way.
func eachFlags(t *testing.T, run func(t *testing.T, k *image, s *modtest.Session)) {
	for name, f := range map[string]uint32{"plain": plain, "lite": lite, "audit": audit} {
		t.Run(name, func(t *testing.T) {
			k := build(f)
			run(t, k, open(t, k))
		})
	}
}

// caches are all caches in the order of kmem_caches.
func (k *image) caches() []illumos.Obj {
	var list []illumos.Obj
	head := k.Global("kmem_caches")
	for at := head.Get("list_head.list_next"); at != head.Ref("list_head"); at = k.GetU64(at) {
		list = append(list, k.At("kmem_cache_t", at-head.Get("list_offset")))
	}
	return list
}

func (k *image) cache(name string) illumos.Obj {
	for _, c := range k.caches() {
		if c.Text("cache_name") == name {
			return c
		}
	}
	panic("no cache " + name)
}

// addrs are the addresses of lines of a walk.
func addrs(t *testing.T, s *modtest.Session, cmd string) []uint64 {
	t.Helper()
	r := s.Run(cmd)
	if r.Err != "" {
		t.Errorf("%s: %s", cmd, r.Err)
	}
	var list []uint64
	for line := range strings.Lines(r.Out) {
		var a uint64
		if _, err := fmt.Sscanf(line, "0x%x", &a); err != nil {
			t.Errorf("%s: %q", cmd, line)
		}
		list = append(list, a)
	}
	return list
}

func addrsOf(list []illumos.Obj) []uint64 {
	var a []uint64
	for _, o := range list {
		a = append(a, o.Addr)
	}
	return a
}

func sorted(list []uint64) []uint64 { return slices.Sorted(slices.Values(list)) }

// The walks of a cache give what is allocated and what is free, and both are all.
func TestBuffers(t *testing.T) {
	eachFlags(t, func(t *testing.T, k *image, s *modtest.Session) {
		c := k.cache("file_cache")
		if got, want := sorted(addrs(t, s, "::walk file_cache")), sorted(addrsOf(k.files)); !slices.Equal(got, want) {
			t.Errorf("file_cache: %d buffers, want %d", len(got), len(want))
		}
		if got, want := sorted(addrs(t, s, fmt.Sprintf("%x::walk kmem", c.Addr))), sorted(addrsOf(k.files)); !slices.Equal(got, want) {
			t.Errorf("kmem: %d buffers, want %d", len(got), len(want))
		}
		free := addrs(t, s, fmt.Sprintf("%x::walk freemem", c.Addr))
		if n := int(c.Get("cache_buftotal")) - len(k.files); len(free) != n {
			t.Errorf("%d free, want %d", len(free), n)
		}
		for _, f := range k.freed {
			if !slices.Contains(free, f.Addr) {
				t.Errorf("%x is free and not walked", f.Addr)
			}
		}
		if cached := addrs(t, s, fmt.Sprintf("%x::walk freemem_constructed", c.Addr)); len(cached) > len(free) {
			t.Errorf("%d of %d free are constructed", len(cached), len(free))
		}
		// The walk of all caches is those of each but of what is the allocator's memory.
		total := 0
		for _, c := range k.caches() {
			if c.Get("cache_cflags")&kmcNotouch == 0 {
				total += len(addrs(t, s, fmt.Sprintf("%x::walk kmem", c.Addr)))
			}
		}
		if n := len(addrs(t, s, "::walk kmem")); n < total {
			t.Errorf("%d buffers of all caches, %d of each", n, total)
		}
	})
}

// Flags of caches.
const (
	kmcNotouch = 0x10000
	kmfAudit   = 1
	kmfLite    = 0x100
)

func TestCacheTables(t *testing.T) {
	eachFlags(t, func(t *testing.T, k *image, s *modtest.Session) {
		text := fmt.Sprintf("%-16s %-25s %4s %6s %8s %8s\n", "ADDR", "NAME", "FLAG", "CFLAG", "BUFSIZE", "BUFTOTL")
		files := text
		for _, c := range k.caches() {
			line := fmt.Sprintf("%016x %-25s %04x %06x %8d %8d\n", c.Addr, c.Text("cache_name"), c.Get("cache_flags"), c.Get("cache_cflags"),
				c.Get("cache_bufsize"), c.Get("cache_buftotal"))
			text += line
			if strings.Contains(c.Text("cache_name"), "file") {
				files += line
			}
		}
		for cmd, want := range map[string]string{"::kmem_cache": text, "::kmem_cache -n file": files} {
			if r := s.Run(cmd); r.Out != want || r.Err != "" {
				t.Errorf("%s: %s%s\nwant %s", cmd, r.Out, r.Err, want)
			}
		}
		if got, want := addrs(t, s, "::walk kmem_cache"), addrsOf(k.caches()); !slices.Equal(got, want) {
			t.Errorf("kmem_cache: %x, want %x", got, want)
		}

		c := k.cache("file_cache")
		slabs := len(addrs(t, s, fmt.Sprintf("%x::walk kmem_slab", c.Addr)))
		used := 0
		for _, a := range addrs(t, s, fmt.Sprintf("%x::walk kmem_slab", c.Addr)) {
			used += int(k.At("kmem_slab_t", a).Get("slab_refcnt"))
		}
		if used != int(c.Get("cache_buftotal")-c.Get("cache_bufslab")) {
			t.Errorf("slabs use %d of %d, %d of them free in slabs", used, c.Get("cache_buftotal"), c.Get("cache_bufslab"))
		}
		partial := len(addrs(t, s, fmt.Sprintf("%x::walk kmem_slab_partial", c.Addr)))
		if r := s.Run("::kmem_slabs -n file_cache"); !strings.Contains(r.Out, fmt.Sprintf("%-25s %8d %8d %9d %9d ", "file_cache", slabs, partial,
			c.Get("cache_buftotal"), c.Get("cache_bufslab"))) {
			t.Errorf("kmem_slabs: %s%s", r.Out, r.Err)
		}
		// The line of ::kmastat: buffers in magazines are not in use.
		r := s.Run("::kmastat")
		want := fmt.Sprintf("%-30s %5d %9d %9d ", "file_cache", c.Get("cache_bufsize"), len(k.files), c.Get("cache_buftotal"))
		if !strings.Contains(r.Out, want) {
			t.Errorf("::kmastat has no %q:\n%s%s", want, r.Out, r.Err)
		}
	})
}

func TestWhatis(t *testing.T) {
	eachFlags(t, func(t *testing.T, k *image, s *modtest.Session) {
		c := k.cache("file_cache")
		for _, x := range []struct {
			at    uint64
			state string
		}{{k.files[5].Addr, "allocated"}, {k.freed[5].Addr, "freed"}} {
			want := fmt.Sprintf("%x is %x+8, %s from file_cache", x.at+8, x.at, x.state)
			cmd := fmt.Sprintf("%x::whatis", x.at+8)
			r := s.Run(cmd)
			if !strings.HasPrefix(r.Out, want) && !strings.Contains(r.Out, x.state+" from file_cache") || r.Err != "" {
				t.Errorf("%s: %s%swant %s", cmd, r.Out, r.Err, want)
			}
			switch {
			case c.Get("cache_flags")&kmfAudit != 0:
				for _, line := range []string{"ADDR", "CACHE", fmt.Sprintf("%x", k.thread)} {
					if !strings.Contains(r.Out, line) {
						t.Errorf("%s has no %s:\n%s", cmd, line, r.Out)
					}
				}
			case c.Get("cache_flags")&kmfLite != 0 && x.state == "allocated":
				if !strings.Contains(r.Out, "recent caller") || !strings.Contains(r.Out, "kmem_cache_alloc") {
					t.Errorf("%s has no callers:\n%s", cmd, r.Out)
				}
			case k.Opt.KmemFlags == plain && r.Out != want+"\n":
				t.Errorf("%s: %s, want %s", cmd, r.Out, want)
			}
			if r := s.Run(cmd + " -q"); strings.Count(r.Out, "\n") != 1 {
				t.Errorf("%s -q: %s", cmd, r.Out)
			}
			if r := s.Run(cmd + " -v"); !strings.Contains(r.Out, "Searching file_cache...\n") {
				t.Errorf("%s -v: %s", cmd, r.Out)
			}
		}
		// What no cache has is of an arena.
		r := s.Run(fmt.Sprintf("%x::whatis -q", k.segkp+0x10))
		if !strings.HasPrefix(r.Out, fmt.Sprintf("%x is ", k.segkp+0x10)) || !strings.Contains(r.Out, "allocated from the segkp vmem arena\n") {
			t.Errorf("segkp: %s%s", r.Out, r.Err)
		}
		if r := s.Run(fmt.Sprintf("%x::whatis -aiq", k.id)); !strings.Contains(r.Out, "from the sample_minor vmem arena\n") {
			t.Errorf("identifier: %s%s", r.Out, r.Err)
		}
		if r := s.Run("1000::whatis"); r.Out != "1000 is unknown\n" {
			t.Errorf("unknown: %s", r.Out)
		}
	})
}

// arenas are all arenas in the order of vmem_list.
func (k *image) arenas() []illumos.Obj {
	var list []illumos.Obj
	for at := k.Global("vmem_list").Get(""); at != 0; at = k.At("vmem_t", at).Get("vm_next") {
		list = append(list, k.At("vmem_t", at))
	}
	return list
}

// Types of segments.
const (
	segAlloc = 0x01
	segFree  = 0x02
	segSpan  = 0x10
)

func TestArenas(t *testing.T) {
	eachFlags(t, func(t *testing.T, k *image, s *modtest.Session) {
		table := s.Run("::vmem").Out
		all := addrs(t, s, "::walk vmem")
		if n := len(k.arenas()); len(all) != n || strings.Count(table, "\n") != n+1 {
			t.Errorf("%d arenas walked, want %d; %s", len(all), n, table)
		}
		for _, a := range k.arenas() {
			if !slices.Contains(all, a.Addr) {
				t.Errorf("arena %s is not walked", a.Text("vm_name"))
			}
			st := a.Member("vm_kstat")
			line := fmt.Sprintf(" %10d %12d %9d %5d\n", st.Get("vk_mem_inuse.value.ui64"), st.Get("vk_mem_total.value.ui64"), st.Get("vk_alloc.value.ui64"), st.Get("vk_fail.value.ui64"))
			if r := s.Run(fmt.Sprintf("%x::vmem", a.Addr)); !strings.Contains(r.Out, fmt.Sprintf("%x %-22s%s", a.Addr, a.Text("vm_name"), line)) &&
				!strings.HasSuffix(strings.ReplaceAll(r.Out, " ", ""), strings.ReplaceAll(line, " ", "")) {
				t.Errorf("vmem %s: %s, want %s", a.Text("vm_name"), r.Out, line)
			}
			kinds := map[string][]uint64{}
			head := a.Ref("vm_seg0")
			for at := k.At("vmem_seg_t", head).Get("vs_anext"); at != head; at = k.At("vmem_seg_t", at).Get("vs_anext") {
				kinds["vmem_seg"] = append(kinds["vmem_seg"], at)
				switch k.At("vmem_seg_t", at).Get("vs_type") {
				case segAlloc:
					kinds["vmem_alloc"] = append(kinds["vmem_alloc"], at)
				case segFree:
					kinds["vmem_free"] = append(kinds["vmem_free"], at)
				case segSpan:
					kinds["vmem_span"] = append(kinds["vmem_span"], at)
				}
			}
			for _, w := range slices.Sorted(maps.Keys(kinds)) {
				got := addrs(t, s, fmt.Sprintf("%x::walk %s", a.Addr, w))
				if w == "vmem_seg" || w == "vmem_span" { // the head is of that type
					got = slices.DeleteFunc(got, func(x uint64) bool { return x == head })
				}
				if !slices.Equal(got, kinds[w]) {
					t.Errorf("%s: %s gives %d, want %d", a.Text("vm_name"), w, len(got), len(kinds[w]))
				}
			}
		}
		names := map[uint64]string{segAlloc: "ALLC", segFree: "FREE", segSpan: "SPAN"}
		for _, a := range k.arenas()[:3] {
			for _, at := range addrs(t, s, fmt.Sprintf("%x::walk vmem_alloc", a.Addr)) {
				g := k.At("vmem_seg_t", at)
				want := fmt.Sprintf("%016x %4s %016x %016x", at, names[g.Get("vs_type")], g.Get("vs_start"), g.Get("vs_end"))
				if r := s.Run(fmt.Sprintf("%x::vmem_seg", at)); !strings.Contains(r.Out, want) {
					t.Fatalf("vmem_seg: %s%s, want %s", r.Out, r.Err, want)
				}
			}
		}
	})
}

// A kernel that keeps audit records tells who had a buffer.
func TestAudit(t *testing.T) {
	k := build(audit)
	s := open(t, k)
	c := k.cache("file_cache")
	ctls := addrs(t, s, fmt.Sprintf("%x::walk bufctl", c.Addr))
	if len(ctls) != len(k.files) {
		t.Fatalf("%d bufctls, want %d", len(ctls), len(k.files))
	}
	bufs := map[uint64]uint64{}
	for _, a := range ctls {
		bufs[k.At("kmem_bufctl_audit_t", a).Get("bc_addr")] = a
	}
	f := k.files[7]
	ctl, ok := bufs[f.Addr]
	if !ok {
		t.Fatalf("no bufctl for %x", f.Addr)
	}
	b := k.At("kmem_bufctl_audit_t", ctl)
	want := fmt.Sprintf("%-16s %-16s %-12s %-16s %s\n%016x %016x %12x %016x falloc+0x20\n", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD", "CALLER",
		ctl, f.Addr, b.Get("bc_timestamp"), k.thread)
	if r := s.Run(fmt.Sprintf("%x::bufctl", ctl)); r.Out != want || r.Err != "" {
		t.Errorf("bufctl: %s%swant %s", r.Out, r.Err, want)
	}
	r := s.Run(fmt.Sprintf("%x::bufctl -v", ctl))
	for _, text := range []string{"CONTENTS\n", "kmem_cache_alloc\n", "falloc+0x20\n", "copen+0x100\n"} {
		if !strings.Contains(r.Out, text) {
			t.Errorf("bufctl -v has no %q: %s", text, r.Out)
		}
	}
	for cmd, n := range map[string]int{
		fmt.Sprintf("%x::walk bufctl | ::bufctl -a %x ! grep -c falloc", c.Addr, f.Addr):                1,
		fmt.Sprintf("%x::walk bufctl | ::bufctl -c %x ! grep -c falloc", c.Addr, k.Func("falloc")+0x20): len(k.files),
		fmt.Sprintf("%x::walk bufctl | ::bufctl -c %x ! grep -c falloc", c.Addr, k.Func("closef")):      0,
		fmt.Sprintf("%x::walk bufctl | ::bufctl -t 1000 ! grep -c falloc", c.Addr):                      0,
		fmt.Sprintf("%x::walk bufctl | ::bufctl -t %x ! grep -c falloc", c.Addr, k.thread):              len(k.files),
		fmt.Sprintf("%x::walk freectl | ::bufctl -c %x ! grep -c closef", c.Addr, k.Func("closef")):     len(k.freed),
		fmt.Sprintf("%x::freedby ! grep -c closef", k.thread):                                           len(k.freed),
	} {
		if r := s.Run(cmd); strings.TrimSpace(r.Out) != fmt.Sprint(n) {
			t.Errorf("%s: %s%s, want %d", cmd, r.Out, r.Err, n)
		}
	}
	by := s.Run(fmt.Sprintf("%x::allocdby", k.thread)).Out
	for _, f := range k.files {
		if n := strings.Count(by, fmt.Sprintf("%016x", bufs[f.Addr])) + strings.Count(by, fmt.Sprintf("%x ", bufs[f.Addr])); n == 0 {
			t.Fatalf("allocdby has no %x:\n%.300s", bufs[f.Addr], by)
		}
	}
	size := c.Get("cache_bufsize")
	if r := s.Run("::kmausers file_cache"); !strings.Contains(r.Out, fmt.Sprintf("%d bytes for %d allocations with data size %d:\n", size*uint64(len(k.files)), len(k.files), size)) ||
		!strings.Contains(r.Out, "falloc+0x20\n") {
		t.Errorf("kmausers: %s%s", r.Out, r.Err)
	}
	if log := addrs(t, s, "::walk kmem_log"); len(log) < len(k.files)+len(k.freed) {
		t.Errorf("%d transactions in the log", len(log))
	}
	if r := s.Run("::kmem_log ! head -1"); r.Out != fmt.Sprintf("%3s %-16s %-16s %16s %-16s\n", "CPU", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD") {
		t.Errorf("kmem_log: %q%s", r.Out, r.Err)
	}
	if h := addrs(t, s, fmt.Sprintf("%x::walk kmem_hash", c.Addr)); len(h) == 0 {
		t.Error("the hash is empty")
	}
}

// A kernel that keeps no records says so.
func TestNoAudit(t *testing.T) {
	s := open(t, build(plain))
	for cmd, text := range map[string]string{
		"::kmalog": "log is disabled", "::kmem_log": "no kmem transaction log", "::kmausers": "KMF_AUDIT is not enabled for any caches",
		"::kmausers file_cache": "KMF_AUDIT is not enabled for file_cache", "::kmausers nothing": "cache",
	} {
		if r := s.Run(cmd); !strings.Contains(r.Err, text) {
			t.Errorf("%s: %s%s, want %s", cmd, r.Out, r.Err, text)
		}
	}
}

func TestJSON(t *testing.T) {
	k := build(plain)
	s := open(t, k)
	s.Run("::set -o json")
	for cmd, text := range map[string]string{
		"::kmem_cache -n file_cache":                 `"name":"file_cache"`,
		"::kmem_slabs -n file_cache":                 `file_cache`,
		"::vmem":                                     `"name":"heap"`,
		fmt.Sprintf("%x::whatis", k.files[0].Addr+4): `"offset":4,"text":"allocated from file_cache"`,
	} {
		r := s.Run(cmd)
		if !strings.Contains(r.Out, text) || r.Err != "" {
			t.Errorf("%s: %.600s%s", cmd, r.Out, r.Err)
		}
	}
}
