package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// memory is a machine's physical memory: each range of it by the quickest way there
// is.
type memory struct {
	segs   *mem.Segments
	blocks []block
	files  map[uint64]fileRange // of blocks that have one, by base
	ways   []way
	spaces []*fileSpace // of what has a file
	slow   *saved       // nil: nothing needs the monitor
}

// way tells how a part of memory is read.
type way struct {
	how  string
	size uint64 // bytes
}

// fileRange is where a block's bytes are in a file.
type fileRange struct {
	f   *os.File
	off uint64
}

// backend is a memory-backend object of QEMU.
type backend struct {
	ID    string `json:"id"`
	Size  uint64 `json:"size"`
	Share bool   `json:"share"`
	path  string
	off   uint64
}

// openMemory lays out the memory of the machine behind a monitor. Warnings tell what
// rights are missing for a quicker way.
func openMemory(ctx context.Context, m monitor, host *hostProcess) (*memory, error) {
	text, err := human(ctx, m, "info mtree -f")
	if err != nil {
		return nil, fmt.Errorf("layout of memory: %w", err)
	}
	blocks := parseLayout(text)
	if len(blocks) == 0 {
		return nil, errors.New("layout of memory: no memory in `info mtree -f`")
	}
	p := &memory{blocks: blocks, files: map[uint64]fileRange{}}
	var segs []mem.Segment
	d := director{m: m, host: host, at: map[string]uint64{}}
	for i := range blocks {
		b := &blocks[i]
		s := mem.Segment{Base: mem.Addr(b.Base), Size: b.Size, Name: b.Name, Prot: mem.ProtRead}
		f, off, how := p.direct(ctx, &d, b)
		if f != nil {
			s.Src, s.Off = p.space(f, host), mem.Addr(off)
		} else {
			if p.slow == nil {
				p.slow = newSaved(m)
			}
			s.Src, s.Off, how = savedBlock{p.slow, b.Base, b.Size}, s.Base, monitorWay
		}
		p.tell(how, b.Size)
		segs = append(segs, s)
	}
	p.segs = mem.NewSegments(segs)
	return p, nil
}

// space reads a file.
func (p *memory) space(f *os.File, host *hostProcess) *fileSpace {
	s := &fileSpace{f: f, host: host}
	p.spaces = append(p.spaces, s)
	return s
}

// director finds ways to blocks. Each question to a QEMU that is busy takes
// milliseconds, so that none is asked twice.
type director struct {
	m        monitor
	host     *hostProcess
	at       map[string]uint64   // host address of offset 0 of a RAM block
	backends map[string]*backend // nil: not asked for yet
}

// address finds where a block is in the hypervisor.
func (d *director) address(ctx context.Context, b *block) uint64 {
	if d.host == nil {
		return 0
	}
	start, known := d.at[b.Name]
	if !known {
		text, err := human(ctx, d.m, fmt.Sprintf("gpa2hva %#x", b.Base))
		hva, ok := parseHVA(text)
		if err == nil && ok && hva > b.Off {
			start = hva - b.Off
		}
		d.at[b.Name] = start
	}
	if start == 0 {
		return 0
	}
	return start + b.Off
}

// direct finds a file that has the bytes of a block; nil if there is none.
func (p *memory) direct(ctx context.Context, d *director, b *block) (f *os.File, off uint64, how string) {
	if b.HVA = d.address(ctx, b); b.HVA != 0 {
		if f, off, how, err := d.host.at(b.HVA, b.Size); err == nil {
			if strings.HasPrefix(how, "shared") {
				p.files[b.Base] = fileRange{f, off}
			}
			return f, off, how
		}
	}
	if d.backends == nil {
		d.backends = sharedBackends(ctx, d.m)
	}
	if be := d.backends[b.Name]; be != nil {
		if f := be.open(); f != nil {
			p.files[b.Base] = fileRange{f, be.off + b.Off}
			return f, be.off + b.Off, "shared memory " + be.path
		}
	}
	return nil, 0, ""
}

func (p *memory) tell(how string, size uint64) {
	for i := range p.ways {
		if p.ways[i].how == how {
			p.ways[i].size += size
			return
		}
	}
	p.ways = append(p.ways, way{how, size})
}

// sharedBackends lists the memory-backend-file objects that are shared, by the names
// that their blocks have in the layout: the object's id, or its path.
func sharedBackends(ctx context.Context, m monitor) map[string]*backend {
	var list []*backend
	named := map[string]*backend{}
	if m.Execute(ctx, "query-memdev", nil, &list) != nil {
		return named // other ways remain
	}
	for _, b := range list {
		if b == nil || b.ID == "" || !b.Share {
			continue // what the guest writes to a private mapping is not in the file
		}
		get := func(prop string, v any) bool {
			return m.Execute(ctx, "qom-get", map[string]string{"path": "/objects/" + b.ID, "property": prop}, v) == nil
		}
		if get("mem-path", &b.path) && b.path != "" {
			get("offset", &b.off) // since QEMU 8.1
			named[b.ID], named["/objects/"+b.ID] = b, b
		}
	}
	return named
}

// open opens the file of a backend if it is large enough to be it.
func (b *backend) open() *os.File {
	st, err := os.Stat(b.path)
	if err != nil || !st.Mode().IsRegular() || uint64(st.Size()) < b.off+b.Size {
		return nil
	}
	f, err := os.Open(b.path)
	if err != nil {
		return nil
	}
	return f
}

// fileSpace reads a file, or a process' memory, that may end at any time.
type fileSpace struct {
	f    *os.File
	w    *os.File // the same for writing; nil: it is not to be written to
	host *hostProcess
}

// ReadAt implements mem.Space.
func (s *fileSpace) ReadAt(b []byte, a mem.Addr) (int, error) {
	n, err := s.f.ReadAt(b, int64(a))
	if n == len(b) {
		return n, nil
	}
	switch {
	case s.host != nil && !s.host.alive():
		err = ErrGone
	case errors.Is(err, os.ErrClosed):
	default:
		err = mem.ErrTruncated
	}
	return n, mem.Fault(a+mem.Addr(n), err)
}

// ranges lists where there is memory; of what is present, the parts that were ever
// written to, as far as that is known.
func (p *memory) ranges(present bool) []mem.Mapping {
	var list []mem.Mapping
	for _, b := range p.blocks {
		parts := []mem.Mapping{{Size: b.Size}}
		if r, ok := p.files[b.Base]; ok && present {
			parts = extents(r.f, r.off, b.Size)
		}
		for _, m := range parts {
			m.Base += mem.Addr(b.Base)
			if n := len(list); n > 0 && list[n-1].End() == m.Base {
				list[n-1].Size += m.Size
				continue
			}
			list = append(list, mem.Mapping{Base: m.Base, Size: m.Size, Prot: mem.ProtRead})
		}
	}
	return list
}

func (p *memory) close() {
	p.setWritable(false) // closes what is open for it
	if p.slow != nil {
		p.slow.close()
	}
	for _, r := range p.files {
		r.f.Close() // again, where the host process has closed it
	}
}
