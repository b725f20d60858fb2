package krtld_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/krtld"
)

// newKernel is a kernel with some modules.
func newKernel(l *illumos.Layout) *illumos.Kernel {
	k := illumos.New(l, illumos.Options{MemBytes: 256 << 20})
	for _, m := range []string{"zfs", "ip", "sockfs"} {
		k.Module(m, "")
		k.Func(m + "`" + m + "_first")
	}
	return k
}

func vmcore(t *testing.T, k *illumos.Kernel) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := k.Finish().WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text is the string that a member of an object points to.
func text(k *illumos.Kernel, o illumos.Obj, member string) string {
	s, _, _ := strings.Cut(string(k.ReadBytes(o.Get(member), 64)), "\x00")
	return s
}

// layouts are that of the real kernel, and one in which the structures that lead to
// the modules have other members.
func layouts() map[string]*illumos.Layout {
	return map[string]*illumos.Layout{
		"real": illumos.Real(),
		"moved": illumos.Real().With(
			illumos.Add("struct modctl", "mod_prev", "mod_stamp", "uint64_t"), illumos.Add("struct modctl", "mod_id", "mod_signer", "*void"),
			illumos.Move("struct modctl", "mod_filename", "mod_modname"),
			illumos.Add("struct module", "hdr", "phdrs", "*void"), illumos.Add("struct module", "symsize", "cookie", "[3]uint64_t"),
			illumos.Move("struct module", "text_size", "data_size")),
	}
}

func TestModules(t *testing.T) {
	for name, l := range layouts() {
		t.Run(name, func(t *testing.T) {
			k := newKernel(l)
			s := modtest.OpenDumpBytes(t, "vmcore.0", vmcore(t, k), krtld.Module())
			modctl := "          MODCTL           MODULE   BITS FLAGS REF FILE\n"
			modinfo := " ID         LOADADDR     SIZE REV MODULE NAME\n"
			ctfinfo := fmt.Sprintf("%-30s %16s %s\n", "MODULE", "CTFDATA", "CTFSIZE")
			objects := fmt.Sprintf("%16s %16s %16s %s\n", "BASE", "LIMIT", "SIZE", "NAME")
			var walk []string
			for _, m := range k.Modules() {
				c, o := m.Modctl(), m.Module()
				bits := "li"
				if c.Get("mod_prim") != 0 {
					bits = "pli"
				}
				walk = append(walk, fmt.Sprintf("%#x", c.Addr))
				modctl += fmt.Sprintf("%16x %16x %6s 0x%02x %3d %s\n", c.Addr, o.Addr, bits, c.Get("mod_loadflags"), c.Get("mod_ref"), m.Filename)
				rev, info := uint64(0), "?"
				if at := c.Get("mod_linkage"); at != 0 {
					l := k.At("struct modlinkage", at)
					rev = l.Get("ml_rev")
					info = text(k, k.At("struct modlmisc", l.Get("ml_linkage[0]")), "misc_linkinfo")
					info = info[:min(len(info), 31)]
				}
				modinfo += fmt.Sprintf("%3d %16x %8x %3d %s (%s)\n", c.Get("mod_id"), o.Get("text"), o.Get("text_size")+o.Get("data_size"), rev, m.Name, info)
				ctfinfo += fmt.Sprintf("%-30s %16x %d\n", m.Name, o.Get("ctfdata"), o.Get("ctfsize"))
				objects += fmt.Sprintf("%16x %16x %16x %s\n", o.Get("text"), o.Get("text")+o.Get("text_size"), o.Get("text_size"), m.Name)
			}
			s.Run("::modctl").OK().Want(modctl)
			s.Run("::modinfo").OK().Want(modinfo)
			s.Run("::ctfinfo").OK().Want(ctfinfo)
			s.Run("::objects").OK().Want(objects)
			s.Run("::walk modctl").OK().WantLines(walk...)
			s.Run("::walk modctl | ::modinfo").OK().Want(modinfo)
			zfs := k.Module("zfs", "")
			at := zfs.Modctl().Addr
			row := strings.Split(modctl, "\n")
			s.Run(fmt.Sprintf("%x::modctl", at)).OK().Want(row[0] + "\n" + row[1+zfs.ID] + "\n")
			s.Run(fmt.Sprintf("%x::walk modctl ! head -1", at)).OK().WantLines(fmt.Sprintf("%#x", at))
			hdrs := s.Run(fmt.Sprintf("%x::modhdrs", at))
			if zfs.Module().Get("shdrs") == 0 && !strings.Contains(hdrs.Err, "failed to read section headers at 0") {
				t.Errorf("section headers that the kernel gave up: %s", hdrs.Err)
			}
			hdrs.Match(`^ELF Header$`)
			hdrs.Match(`^  ei_magic:  \{ 0x7f, E, L, F \}$`)
			s.Run("zfs_first=p").OK().WantLines("zfs_first")
			s.Run("zfs`zfs_first=K").OK().WantLines(fmt.Sprintf("%x", k.Func("zfs`zfs_first")))
		})
	}
}

// TestDamagedRing gives the walk a ring that does not close, and one that leads
// nowhere.
func TestDamagedRing(t *testing.T) {
	for _, c := range []struct {
		name string
		next func(k *illumos.Kernel) uint64
		want string
	}{
		{"loop", func(k *illumos.Kernel) uint64 { return k.Modules()[1].Modctl().Addr }, "was there before"},
		{"wild", func(*illumos.Kernel) uint64 { return 0xdeadbeef0000 }, "deadbeef0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKernel(illumos.Real())
			var bad uint64
			k.OnRender(func() {
				bad = c.next(k)
				k.Modules()[3].Modctl().Set("mod_next", bad)
			})
			s, warnings := modtest.OpenDamagedDump(t, "vmcore.0", vmcore(t, k), krtld.Module())
			all := strings.Join(warnings, "\n")
			if !strings.Contains(all, fmt.Sprintf("%#x", bad)) || !strings.Contains(all, "4 modules read so far: unix genunix zfs ip") {
				t.Errorf("opening: %s", all)
			}
			r := s.Run("::walk modctl")
			if !strings.Contains(r.Err, c.want) || !strings.Contains(r.Err, fmt.Sprintf("%x", bad)) || strings.Count(r.Out, "\n") != 4 {
				t.Errorf("%s%s", r.Out, r.Err)
			}
		})
	}
}
