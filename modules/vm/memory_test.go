package vm_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/vm"
)

const memHead = "ADDR             VM                                GPA              LEN PROT NAME         HOST             FLAGS\n"

func TestMemory(t *testing.T) {
	onHosts(t, func(t *testing.T, host string, sys *illumos.System, s *modtest.Session) {
		all := memHead
		for _, m := range sys.VMs {
			pieces := make([]int, len(m.Mem))
			for i := range pieces {
				pieces[i] = i
			}
			slices.SortFunc(pieces, func(a, b int) int { return cmp.Compare(m.Mem[a].GPA, m.Mem[b].GPA) })
			of := memHead
			for _, i := range pieces {
				p := m.Mem[i]
				name, prot, at, flags := p.Name, "rwx", fmt.Sprintf("%x", p.Host), "-"
				if name == "" {
					name = "sysmem"
				}
				if m.Kind == "kvm" {
					name = fmt.Sprintf("slot %d", i)
				}
				if p.ReadOnly {
					prot = "r-x"
				}
				if ofGate(host) && m.Kind == "bhyve" { // mapped nowhere
					if at, flags = "-", "reservoir"; p.Name != "" {
						flags = "transient"
					}
				}
				of += fmt.Sprintf("%016x %-20s %16x %16x %-4s %-12s %-16s %s\n", p.Addr, m.Name, p.GPA, p.Len, prot, name, at, flags)
			}
			for i, a := range m.Aliases { // between the two slots
				target := m.Mem[1]
				lines := strings.SplitAfter(of, "\n")
				of = strings.Join(slices.Insert(lines, 2, fmt.Sprintf("%016x %-20s %16x %16x %-4s %-12s %-16x %s\n", m.Alias[i].Addr, m.Name, a.GPA, a.Len, "rwx", "slot 1",
					target.Host+a.Target-target.GPA, "alias")), "")
			}
			for i, p := range m.VM.Passed { // behind the only piece of memory
				at, flags := fmt.Sprintf("%x", p.HostPA), "mmio"
				if !ofGate(host) {
					at, flags = "-", "-" // only the nested page tables lead there
				}
				of += fmt.Sprintf("%016x %-20s %16x %16x %-4s %-12s %-16s %s\n", m.Passed[i].Addr, m.Name, p.GPA, p.Len, "rw-", "passthru", at, flags)
			}
			s.Run(fmt.Sprintf("%x::vmmem", m.Addr)).OK().Want(of)
			all += of[len(memHead):]
			if m.Kind == "bhyve" {
				objects := ""
				for _, i := range pieces {
					objects += fmt.Sprintf("0x%x\n", m.Mem[i].Object.Addr)
				}
				for _, p := range m.Passed {
					objects += fmt.Sprintf("0x%x\n", p.Get("vmsm_object"))
				}
				s.Run(fmt.Sprintf("%x::walk vmobject", m.Addr)).OK().WantLines(bytesLines(objects)...)
			}
		}
		s.Run("::vmmem").OK().Want(all)
	})
}

func bytesLines(text string) (list []string) {
	for _, l := range bytes.Split(bytes.TrimSpace([]byte(text)), []byte("\n")) {
		list = append(list, string(l))
	}
	return list
}

// TestPhysical reads guests' memory: the programs, across pages, past its end, and what
// a guest has not touched.
func TestPhysical(t *testing.T) {
	onHosts(t, func(t *testing.T, host string, sys *illumos.System, s *modtest.Session) {
		v := kernel.Of(s.Session)
		for _, b := range sys.VMs {
			m, err := vm.Lookup(v, b.Name)
			if err != nil {
				t.Fatal(err)
			}
			phys := m.Physical()
			for _, p := range []illumos.GuestProgram{illumos.Guest16, illumos.Guest32, illumos.Guest64} {
				got := make([]byte, len(p.Code))
				if err := mem.ReadFull(phys, got, mem.Addr(p.GPA)); err != nil || !bytes.Equal(got, p.Code) {
					t.Errorf("%s: program of %s: %x, %v", b.Name, p.Name, got, err)
				}
			}
			// from the page before the 32-bit program into it
			got := make([]byte, 4096+len(illumos.Guest32.Code))
			if err := mem.ReadFull(phys, got, mem.Addr(illumos.Guest32.GPA-4096)); err != nil || !bytes.Equal(got[4096:], illumos.Guest32.Code) || !bytes.HasPrefix(got, illumos.Guest64.Code) {
				t.Errorf("%s: two pages: %v", b.Name, err)
			}
			for _, a := range b.Aliases {
				p := illumos.Guest32
				if err := mem.ReadFull(phys, got[:len(p.Code)], mem.Addr(p.GPA-a.Target+a.GPA)); err != nil || !bytes.Equal(got[:len(p.Code)], p.Code) {
					t.Errorf("%s: by its alias: %x, %v", b.Name, got[:len(p.Code)], err)
				}
			}
			if _, err := phys.ReadAt(got[:1], 0xfee00000); !errors.Is(err, mem.ErrUnmapped) {
				t.Errorf("%s: memory that is not there: %v", b.Name, err)
			}
		}
		web, err := vm.Lookup(v, illumos.VMWeb)
		if err != nil {
			t.Fatal(err)
		}
		// What the guest has not touched is in no nested page table, and is memory all the same.
		low := sys.VMs[0].Mem[0]
		at := mem.Addr(low.GPA + low.Len - low.Untouched)
		b := make([]byte, len(illumos.Untouched))
		if err := mem.ReadFull(web.Physical(), b, at+illumos.UntouchedAt); err != nil || string(b) != illumos.Untouched {
			t.Errorf("what the guest has not touched: %q, %v", b, err)
		}
		if n, err := web.Physical().ReadAt(b[:2], at-1); n != 2 {
			t.Errorf("across the end of what it has touched: %d bytes, %v", n, err)
		}
		byZone, err := vm.Lookup(v, sys.VMs[0].Proc.Zone.Name)
		if err != nil || byZone.Addr != web.Addr {
			t.Errorf("a machine by its zone: %v, %v", byZone, err)
		}
	})
}

// TestNotDumped is a dump without the pages of guests and processes: reading them must
// fail, saying that they are not there.
func TestNotDumped(t *testing.T) {
	for name, scenario := range map[string]func() illumos.Scenario{"amd": illumos.VMsAMD, "intel": illumos.VMsIntel} {
		t.Run(name, func(t *testing.T) {
			sc := scenario()
			sc.Kernel.Content = illumos.KernelPages
			b, err := sc.Build(illumos.Real()).Vmcore()
			if err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), vm.Module())
			for m, err := range vm.Machines(kernel.Of(s.Session)) {
				if err != nil {
					t.Fatal(err)
				}
				n, err := m.Physical().ReadAt(make([]byte, 16), illumos.GuestGDT)
				if n != 0 || !errors.Is(err, mem.ErrNotDumped) && !errors.Is(err, mem.ErrFiltered) {
					t.Errorf("%s: %d bytes, %v", m.Name, n, err)
				}
			}
		})
	}
}
