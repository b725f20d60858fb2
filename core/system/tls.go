package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Thread-local storage after "ELF Handling For Thread-Local Storage" (variant II,
// x86: the program's block ends at the thread pointer; variant I, arm64: it begins
// behind the control block the thread pointer points to); the blocks of libraries
// are in the thread's dynamic thread vector (DTV) by module id. Where those are
// in glibc's structures its own descriptions for libthread_db say
// (nptl_db/structs.def): each is a symbol _thread_db_TYPE_FIELD in libc, three
// 32-bit words: size in bits, number of elements, offset in bytes.

// Errors of TLS lookups, worded as MDB does.
var (
	ErrTLSUnallocated = errors.New("thread local storage has not yet been allocated")
	ErrNoTLS          = errors.New("object does not support thread local storage")
	ErrNoRTLD         = errors.New("runtime linker data not available")
)

// field is where a field lies in one of glibc's structures.
type field struct{ bits, count, off uint32 }

// tlsUnallocated marks a DTV entry whose block is made on first use.
const tlsUnallocated = ^uint64(0)

// TLSBlock gives the address of a load object's TLS block for the thread whose
// thread pointer (fs base) is tp. nil means the program.
func (p *Process) TLSBlock(tp uint64, o *sym.Object) (uint64, error) {
	if o == nil {
		o = p.ns.Main()
	}
	if o == nil || p.infos[o] == nil || p.infos[o].image == nil {
		return 0, ErrNoRTLD
	}
	in := p.infos[o]
	seg, ok := in.image.prog(elf.PT_TLS)
	if !ok {
		return 0, ErrNoTLS
	}
	if tp == 0 {
		return 0, ErrTLSUnallocated
	}
	if o.Main {
		// The run-time linker aligns the block's end, not only its size.
		align := max(seg.Align, 1)
		if align > 1<<20 || seg.Memsz > 1<<30 {
			return 0, fmt.Errorf("%w: block of %d bytes", ErrNoTLS, seg.Memsz)
		}
		if p.src.Arch().Name == "arm64" { // variant I: behind the thread's control block of two words
			return tp + (16+align-1)&^(align-1) + seg.Vaddr&(align-1), nil
		}
		size := seg.Memsz + (-seg.Vaddr-seg.Memsz)&(align-1)
		return tp - size, nil
	}
	return p.dtvBlock(tp, in)
}

// TLSBase implements core.ThreadLocal by the registers of the source's thread.
func (p *Process) TLSBase(thread uint64, o *sym.Object) (uint64, error) {
	src, ok := p.src.(interface {
		Registers(thread uint64) (*arch.Regs, error)
	})
	if !ok {
		return 0, ErrNoRTLD
	}
	r, err := src.Registers(thread)
	if err != nil {
		return 0, err
	}
	tp, _ := r.Get(threadPointer[r.Arch.Name])
	return p.TLSBlock(tp, o)
}

// threadPointer is the register of each architecture that thread-local storage is
// found by.
var threadPointer = map[string]string{"amd64": "fsbase", "i386": "gsbase", "arm64": "tpidr"}

// dtvBlock finds a library's block through the DTV.
func (p *Process) dtvBlock(tp uint64, in *Info) (uint64, error) {
	modid, err1 := p.libcField("link_map_l_tls_modid")
	dtvp, err2 := p.libcField("pthread_dtvp")
	dtv, err3 := p.libcField("dtv_dtv")
	val, err4 := p.libcField("dtv_t_pointer_val")
	if err := errors.Join(err1, err2, err3, err4); err != nil || in.linkMap == 0 {
		return 0, ErrNoRTLD
	}
	id, err := p.word(in.linkMap + uint64(modid.off))
	if err != nil {
		return 0, err
	}
	if id == 0 || id > maxLinkMaps {
		return 0, ErrNoTLS
	}
	vec, err := p.word(tp + uint64(dtvp.off))
	if err != nil {
		return 0, err
	}
	block, err := p.word(vec + uint64(dtv.off) + id*uint64(dtv.bits/8) + uint64(val.off))
	if err != nil {
		return 0, err
	}
	if block == tlsUnallocated || block == 0 {
		return 0, ErrTLSUnallocated
	}
	return block, nil
}

// libcField reads one of glibc's descriptions.
func (p *Process) libcField(name string) (field, error) {
	m, err := p.ns.LookupName("", "_thread_db_"+name)
	if err != nil {
		return field{}, err
	}
	var b [12]byte
	if err := mem.ReadFull(p.space, b[:], mem.Addr(m.Value)); err != nil {
		return field{}, err
	}
	le := binary.LittleEndian
	return field{le.Uint32(b[:]), le.Uint32(b[4:]), le.Uint32(b[8:])}, nil
}
