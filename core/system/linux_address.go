package system

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/kallsyms"
)

// byAddress looks where images are mapped, in a machine of which only virtual memory can
// be read. What the image says of physical memory is checked by reading the banner both
// ways.
func (f *linuxFinder) byAddress() (*linuxImage, error) {
	virt := onlyVirtual(f.mem)
	var code [8]byte
	tried := 0
	for at := uint64(startKernelMap); at-startKernelMap < maxImage; at += imageAlign {
		if err := f.ctx.Err(); err != nil {
			return nil, err
		}
		if n, _ := virt.ReadAt(code[:], mem.Addr(at)); n < len(code) || !isEntry(code[:]) {
			continue
		}
		if tried++; tried > maxTried {
			return nil, errors.New("too much looks like an image and is none")
		}
		im, err := f.imageByAddress(virt, at)
		if err == nil {
			im.how = "its address"
			return im, nil
		}
		f.why = append(f.why, err)
	}
	return nil, errors.New("no image where the kernel would be mapped")
}

// imageByAddress reads the symbols of the image at an address, and finds its map of
// physical memory.
func (f *linuxFinder) imageByAddress(virt mem.Space, at uint64) (*linuxImage, error) {
	t, err := kallsyms.Locate(virt, at, searched)
	if err != nil {
		return nil, err
	}
	im := &linuxImage{}
	if im.symbols, err = kallsyms.Read(virt, t); err != nil {
		return nil, err
	}
	var read error
	value := func(name string) uint64 {
		s, ok := im.symbols.ByName(name)
		if !ok {
			read = errors.Join(read, fmt.Errorf("symbols have no %s", name))
			return 0
		}
		v, err := mem.ReadUint(virt, mem.Addr(s.Value), 8, binary.LittleEndian)
		if err != nil {
			read = errors.Join(read, fmt.Errorf("read %s: %w", name, err))
		}
		return v
	}
	base, pages := value("page_offset_base"), value("max_pfn")
	im.physBase = value("phys_base")
	if read != nil {
		return nil, read
	}
	w := &window{virt: virt}
	w.open(base, min(pages, directSize/pageSize)*pageSize)
	if err := im.check(w); err != nil {
		return nil, err
	}
	f.phys = w
	return im, nil
}
