package linuxdump

import (
	"debug/elf"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
)

// kernelHalf is where kernels' addresses begin on amd64 and arm64; what is below it in
// a dump with virtual addresses is a process.
const kernelHalf = 1 << 63

// takeELF takes the memory of an ELF dump, which file is the content of.
func (t *Target) takeELF(f *elfFile, p part, file mem.Space) error {
	if !f.ofMachine() {
		return ErrNotDump
	}
	if err := t.setMachine(f.machine); err != nil {
		return err
	}
	t.notes = f.notes
	t.format = f.format()
	if t.flat {
		t.format += ", flattened"
	}
	for _, d := range f.damage {
		t.warn("%s", d)
	}
	if f.size > p.size {
		t.warn("the file ends early: it has %d bytes of %d", p.size, f.size)
	}
	// What a segment of QEMU has no bytes for is no memory; makedumpfile leaves out
	// what it was told to.
	why := mem.ErrFiltered
	if len(f.notes.qemu) > 0 {
		why = mem.ErrNotDumped
	}
	var phys, virt []piece
	for i := range f.loads {
		l := &f.loads[i]
		if f.usable(l) {
			phys = cutPiece(phys, l.paddr, l, p.size, why)
		}
		if f.virtual(l) {
			virt = cutPiece(virt, l.vaddr, l, p.size, why)
		}
	}
	phys = arrange(phys)
	if len(f.notes.qemu) > 0 {
		phys = bridge(phys)
	}
	t.setPieces(phys, file)
	if len(virt) > 0 {
		t.virtual = space(arrange(virt), file)
	}
	t.describe(f, phys)
	t.warnXen()
	return nil
}

// virtual tells whether a segment's virtual address is one of the kernel: QEMU without
// paging has 0 or the physical one, and with paging those of the process that ran, too.
func (f *elfFile) virtual(l *progHeader) bool {
	if f.shape.word == 4 {
		return l.vaddr != 0 && l.vaddr != l.paddr
	}
	return l.vaddr >= kernelHalf
}

// format names the kind of an ELF dump.
func (f *elfFile) format() string {
	switch {
	case f.notes.kcore:
		return "the kernel's own ELF core (kcore)"
	case len(f.notes.qemu) > 0 && f.paging():
		return "ELF dump by QEMU, with virtual addresses"
	case len(f.notes.qemu) > 0:
		return "ELF dump by QEMU"
	case f.machine == elf.EM_386 || f.shape.word == 4:
		return "ELF dump, 32-bit"
	}
	return "ELF dump"
}

func (f *elfFile) paging() bool {
	for i := range f.loads {
		if f.virtual(&f.loads[i]) {
			return true
		}
	}
	return false
}

// describe makes the lines of ::status about the pieces.
func (t *Target) describe(f *elfFile, phys []piece) {
	var there, filtered, cut, none uint64
	for _, p := range phys {
		switch p.err {
		case nil:
			there += p.size
		case mem.ErrFiltered:
			filtered += p.size
		case mem.ErrTruncated:
			cut += p.size
		default:
			none += p.size
		}
	}
	t.detail("%s of memory in %d segments", bytesText(there), len(f.loads))
	if filtered > 0 {
		t.detail("%s were left out", bytesText(filtered))
	}
	if none > 0 {
		t.detail("%s have no content", bytesText(none))
	}
	if cut > 0 {
		t.detail("%s are missing with the end of the file", bytesText(cut))
	}
}

func (t *Target) detail(format string, args ...any) {
	t.details = append(t.details, fmt.Sprintf(format, args...))
}

// bytesText writes an amount of memory.
func bytesText(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
