package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system/hmp"
)

// OpenPID opens the machine of a QEMU by its process alone: where its memory is comes
// from the command line and the process' map. Nothing is known of registers.
func OpenPID(_ context.Context, pid int) (*Target, error) {
	t := &Target{name: fmt.Sprintf("pid:%d", pid), began: time.Now()}
	host, err := openHost(pid)
	if err != nil {
		return nil, err
	}
	t.host = host
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil {
		t.mem, err = processMemory(host, parseCommand(words))
	}
	if err != nil {
		host.Close()
		return nil, err
	}
	t.set(true, "running")
	return t, nil
}

// processMemory finds a machine's memory among the mappings of its process.
func processMemory(host *hostProcess, c command) (*memory, error) {
	if c.size == 0 {
		return nil, errors.New("the process is no QEMU")
	}
	parts, err := ramMappings(host.maps, c)
	if err != nil {
		return nil, err
	}
	p := &memory{files: map[uint64]fileRange{}}
	var segs []mem.Segment
	for _, b := range splitLow(c.size, c) {
		for b.Size > 0 {
			part, off := locate(parts, b.Off)
			if part == nil {
				return nil, fmt.Errorf("no mapping for the memory at %#x", b.Base)
			}
			n := min(b.Size, part.size-off)
			f, at, how, err := host.at(part.addr+off, n)
			if err != nil {
				return nil, err
			}
			piece := block{hmp.Range{Base: b.Base, Size: n, Name: part.name, Off: b.Off}, part.addr + off}
			if strings.HasPrefix(how, "shared") {
				p.files[piece.Base] = fileRange{f, at}
			}
			p.blocks = append(p.blocks, piece)
			p.tell(how, n)
			segs = append(segs, mem.Segment{Base: mem.Addr(piece.Base), Size: n, Src: p.space(f, host),
				Off: mem.Addr(at), Name: part.name, Prot: mem.ProtRead})
			b.Base, b.Off, b.Size = b.Base+n, b.Off+n, b.Size-n
		}
	}
	p.segs = mem.NewSegments(segs)
	return p, nil
}

// ramPart is a piece of a machine's memory in its process.
type ramPart struct {
	addr, size uint64
	name       string
}

// locate finds the piece that holds an offset in the whole.
func locate(parts []ramPart, off uint64) (*ramPart, uint64) {
	for i := range parts {
		if off < parts[i].size {
			return &parts[i], off
		}
		off -= parts[i].size
	}
	return nil, 0
}

// ramMappings finds the mappings of a machine's memory: of each backend that makes it
// up by its file, else by its size.
func ramMappings(maps []vma, c command) ([]ramPart, error) {
	want := []cmdBackend{{id: "ram", size: c.size}}
	ids := c.numa
	if c.ram != "" {
		ids = []string{c.ram}
	}
	if len(ids) > 0 {
		want = nil
		for _, id := range ids {
			i := slices.IndexFunc(c.backends, func(b cmdBackend) bool { return b.id == id })
			if i < 0 {
				return nil, fmt.Errorf("the command line has no memory backend %q", id)
			}
			want = append(want, c.backends[i])
		}
	}
	var parts []ramPart
	taken := map[uint64]bool{}
	for _, b := range want {
		v, err := mappingOf(maps, b, taken)
		if err != nil {
			return nil, err
		}
		taken[v.start] = true
		parts = append(parts, ramPart{v.start, b.size, b.id})
	}
	return parts, nil
}

// mappingOf finds the mapping of one backend. Of several with its size one that is a
// file of its path is it; otherwise there must be only one.
func mappingOf(maps []vma, b cmdBackend, taken map[uint64]bool) (*vma, error) {
	var found []*vma
	for i := range maps {
		v := &maps[i]
		if taken[v.start] || !v.readable || v.end-v.start != b.size {
			continue
		}
		if b.path != "" && v.path == b.path && v.off == 0 {
			return v, nil
		}
		found = append(found, v)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the process has no mapping of %s for %s", sizeText(b.size), b.id)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the process has %d mappings of %s: which is memory cannot be told", len(found), sizeText(b.size))
}
