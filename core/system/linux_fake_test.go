package system_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/linuxmem"
)

// machine is a laid-out machine as a transport gives it: what it tells is chosen.
type machine struct {
	m          *linuxmem.Machine
	info, regs bool
	noIDT      bool
	present    []mem.Mapping
	reads      *int // bytes read of its memory
}

func (m machine) Physical() mem.Space {
	return counted{&mem.File{R: bytes.NewReader(m.m.RAM), Size: int64(len(m.m.RAM))}, m.reads}
}

type counted struct {
	mem.Space
	n *int
}

func (c counted) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := c.Space.ReadAt(p, a)
	if c.n != nil {
		*c.n += n
	}
	return n, err
}

func (m machine) PhysicalRanges() []mem.Mapping { return []mem.Mapping{{Size: linuxmem.Size}} }
func (m machine) PresentRanges() []mem.Mapping  { return m.present }

func (m machine) VMCoreInfo() []byte {
	if m.info {
		return m.m.Info
	}
	return nil
}

func (m machine) Processors() ([]system.Processor, error) {
	if !m.regs {
		return nil, errors.New("nothing is known")
	}
	r := system.SystemRegs{CR3: m.m.CR3, IDTBase: m.m.IDT, CR4: paging.CR4PAE, Known: system.HasCR3 | system.HasIDTBase | system.HasCR4}
	if m.noIDT {
		r.Known &^= system.HasIDTBase
	}
	if strings.Contains(string(m.m.Info), "l5_enabled)=1") {
		r.CR4 |= paging.CR4LA57
	}
	return []system.Processor{{System: r}}, nil
}

// TestLinuxFound finds the kernel in each way there is, in each layout.
func TestLinuxFound(t *testing.T) {
	ways := []struct {
		how string
		o   linuxmem.Options
		m   machine
	}{
		{"VMCOREINFO", linuxmem.Options{}, machine{info: true}},
		{"VMCOREINFO", linuxmem.Options{OldInfo: true}, machine{info: true}},
		{"a CPU's tables", linuxmem.Options{NoInfo: true, NoImage: true}, machine{regs: true}},
		{"a CPU's tables", linuxmem.Options{NoInfo: true, NoImage: true}, machine{regs: true, noIDT: true}},
		{"its image", linuxmem.Options{NoInfo: true}, machine{}},
		{"VMCOREINFO in memory", linuxmem.Options{NoImage: true}, machine{}},
		{"its image", linuxmem.Options{NoInfo: true, FixedMap: true}, machine{}},
	}
	for _, w := range ways {
		for _, levels := range []int{4, 5} {
			for _, order := range []linuxmem.Order{linuxmem.Before50, linuxmem.Before62, linuxmem.From62, linuxmem.From65, linuxmem.Addresses, linuxmem.ByPlace} {
				o := w.o
				o.Order, o.Levels, o.KASLR, o.Symbols, o.Absolute = order, levels, 0x1c00000, 3000, order != linuxmem.From62
				t.Run(fmt.Sprintf("%s %d %d", w.how, levels, order), func(t *testing.T) {
					w.m.m = linuxmem.New(o)
					checkMachine(t, w.m, w.how)
				})
			}
		}
	}
}

func checkMachine(t *testing.T, m machine, how string) {
	t.Helper()
	k, err := system.NewLinuxKernel(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.m.Symbols {
		if v, ok := k.Symbol(s.Name); !ok || v != s.Addr {
			t.Fatalf("%s is at %#x, want %#x", s.Name, v, s.Addr)
		}
	}
	banner, _ := k.Symbol("linux_banner")
	b := make([]byte, len(linuxmem.Banner))
	if err := mem.ReadFull(k.Virtual(), b, mem.Addr(banner)); err != nil || string(b) != linuxmem.Banner {
		t.Errorf("banner by the page table: %q, %v", b, err)
	}
	if err := mem.ReadFull(k.Virtual(), b, linuxmem.PageOffset+mem.Addr(banner-m.m.Text+8<<20)); err != nil || string(b) != linuxmem.Banner {
		t.Errorf("banner by the map of memory: %q, %v", b, err)
	}
	if off, ok := k.KASLROffset(); !ok || off != 0x1c00000 {
		t.Errorf("KASLR offset %#x, %v", off, ok)
	}
	if k.DirectMap() != linuxmem.PageOffset {
		t.Errorf("memory is mapped at %#x", k.DirectMap())
	}
	if u, err := k.Utsname(); err != nil || u.Release != "6.1.0-test" || u.Version != "#1 SMP Test" {
		t.Errorf("utsname %+v, %v", u, err)
	}
	if how != k.FoundBy() {
		t.Errorf("found by %s, want %s", k.FoundBy(), how)
	}
	if text, ok := k.Namespace().Format(m.m.Text+0x2044, 0, 16); !ok || text != "a_local_function+4" {
		t.Errorf("address prints as %q, %v", text, ok)
	}
	if _, err := k.Virtual().ReadAt(b, 0x1000); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("address that is not mapped: %v", err)
	}
}

// TestLinuxNotFound gives the reasons, and no kernel.
func TestLinuxNotFound(t *testing.T) {
	empty := &linuxmem.Machine{RAM: make([]byte, linuxmem.Size), Info: []byte("OSRELEASE=6.1\nnonsense")}
	_, err := system.NewLinuxKernel(t.Context(), machine{m: empty, info: true, regs: true})
	if err == nil {
		t.Fatal("a kernel was found in empty memory")
	}
	for _, want := range []string{"Linux", "text is damaged", "no VMCOREINFO", "page tables", "no image"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not tell of %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := system.NewLinuxKernel(ctx, machine{m: empty}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLinuxForeignInfo has the VMCOREINFO of another machine in memory, before its own:
// one that names places where there is nothing, and one cut short.
func TestLinuxForeignInfo(t *testing.T) {
	m := linuxmem.New(linuxmem.Options{NoImage: true, KASLR: 0x1c00000, Symbols: 3000, Absolute: true})
	other := linuxmem.New(linuxmem.Options{KASLR: 0x2600000, Symbols: 2200, Absolute: true})
	copy(m.RAM[0x1000:], bytes.ReplaceAll(other.Info, []byte("phys_base)=-"), []byte("phys_base)=-9")))
	copy(m.RAM[0x2000:], m.Info[:300])
	checkMachine(t, machine{m: m}, "VMCOREINFO in memory")
}

// TestLinuxPresent reads little where the transport tells what was never written.
func TestLinuxPresent(t *testing.T) {
	m := linuxmem.New(linuxmem.Options{NoImage: true, KASLR: 0x1c00000, Symbols: 3000, Absolute: true})
	n := 0
	checkMachine(t, machine{m: m, present: []mem.Mapping{{Base: 0x3000, Size: 0x1000}}, reads: &n}, "VMCOREINFO in memory")
	if n > 1<<20 {
		t.Errorf("%d bytes were read", n)
	}
}

// FuzzVMCoreInfo takes damaged text, and looks for the kernel by it.
func FuzzVMCoreInfo(f *testing.F) {
	m := linuxmem.New(linuxmem.Options{NoImage: true, NoInfo: true, KASLR: 0x1c00000, Symbols: 2200})
	f.Add(m.Info)
	f.Add([]byte("OSRELEASE=x\nSYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-0\nKERNELOFFSET=zz\nOFFSET()=\nSIZE(\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if v, ok := system.ParseVMCoreInfo(text); ok && (v.Release == "" || len(v.Symbols) == 0) {
			t.Error("nothing was told, and it is taken")
		}
		small := *m
		small.Info = text
		if k, err := system.NewLinuxKernel(t.Context(), machine{m: &small, info: true}); err == nil {
			k.Warnings()
			k.CPUs()
		}
	})
}
