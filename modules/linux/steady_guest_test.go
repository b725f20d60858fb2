package linux

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// changing is a dump as a machine that runs, in which a word is another for some reads.
type changing struct {
	*linuxdump.Target
	at, word uint64
	left     int
}

func (c *changing) Running() bool       { return true }
func (c *changing) Moment() uint64      { return 1 }
func (c *changing) Physical() mem.Space { return changingSpace{c.Target.Physical(), c} }

type changingSpace struct {
	mem.Space
	c *changing
}

func (s changingSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := s.Space.ReadAt(p, a)
	if off := s.c.at - uint64(a); s.c.left > 0 && off+8 <= uint64(n) {
		binary.LittleEndian.PutUint64(p[off:], s.c.word)
		s.c.left--
	}
	return n, err
}

// TestChangingStructures changes lists and trees of each kind while they are read: what is
// whole the next time is given as if nothing had been; what never is gives an error that
// says how often it was read.
func TestChangingStructures(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	target, err := linuxdump.Open(t.Context(), []string{d.File(guest.ELF)}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &changing{Target: target}
	s := modtest.OpenTarget(t, m, Module())
	v := kernel.Of(s.Session)
	member := func(typ, name string) uint64 {
		f, err := v.Member(typ, name)
		if err != nil {
			t.Fatal(err)
		}
		return f.Off
	}
	symbol := func(name string) uint64 {
		a, err := address(v, name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	k, err := kernelOf(s.Session)
	if err != nil {
		t.Fatal(err)
	}
	hrtimers, err := k.PerCPU(symbol("hrtimer_bases"), 0)
	if err != nil {
		t.Fatal(err)
	}
	one := strings.TrimSpace(s.Run("1::pid2proc").OK().Out)
	init, err := strconv.ParseUint(one, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	mm, err := v.Pointer(init + member("struct task_struct", "mm"))
	if err != nil {
		t.Fatal(err)
	}
	slot := func(at uint64) uint64 { // of a node that a tagged pointer leads to
		p, err := v.Pointer(at)
		if err != nil {
			t.Fatal(err)
		}
		return p &^ 0xff
	}
	const nowhere = 0xffff000000000123
	for _, c := range []struct {
		kind, walk string
		at, word   uint64
	}{
		{"list", "slab_caches::walk list", symbol("slab_caches"), nowhere},
		{"rbtree", fmt.Sprintf("%#x::walk rbtree", hrtimers+member("struct hrtimer_cpu_base", "clock_base[0].active.rb_root.rb_root")), hrtimers + member("struct hrtimer_cpu_base", "clock_base[0].active.rb_root.rb_root"), nowhere},
		{"xarray", "irq_desc_tree::walk xarray", symbol("irq_desc_tree") + member("struct xarray", "xa_head"), nowhere&^3 | 2},
		{"maple_tree", fmt.Sprintf("%#x::walk maple_tree", mm+member("struct mm_struct", "mm_mt")), mm + member("struct mm_struct", "mm_mt.ma_root"), slot(mm+member("struct mm_struct", "mm_mt.ma_root")) | 0x7a},
	} {
		t.Run(c.kind, func(t *testing.T) {
			want := s.Run(c.walk).OK().Out
			pa, err := k.Translate(c.at)
			if err != nil {
				t.Fatal(err)
			}
			for _, reads := range []int{1, 2} {
				m.at, m.word, m.left = pa, c.word, reads
				s.Reread()
				if r := s.Run(c.walk); r.Status != nil || r.Out != want || m.left != 0 {
					t.Errorf("other for %d reads, %d are left: %v %s%s", reads, m.left, r.Status, r.Out, r.Err)
				}
			}
			m.left = 1 << 30
			s.Reread()
			if r := s.Run(c.walk); r.Status == nil || !strings.Contains(r.Err, "(the machine runs: it was read 3 times)") {
				t.Errorf("other for ever: %v %s%s", r.Status, r.Out, r.Err)
			}
			m.left = 0
			s.Reread()
		})
	}
}
