package system

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Thread-local storage as libc_db finds it: a thread's ulwp_t is on the ring that
// libc's uberdata_t begins; module information is in uberdata_t's tls_metadata; a
// static block lies below the ulwp_t, others are in its array ul_tlsent.

// tmStaticTLS is TM_FLG_STATICTLS (lib/libc/inc/libc_int.h).
const tmStaticTLS = 0x1

// maxThreads bounds the ring of threads.
const maxThreads = 1 << 20

// libcTypes reads libc's structures by the types of libc itself.
type libcTypes struct {
	p     *IllumosProcess
	scope ctype.Scope
	obj   *sym.Object
}

func (p *IllumosProcess) libc() (*libcTypes, error) {
	o, err := p.ns.Object("libc.so.1")
	if err != nil {
		return nil, ErrNoRTLD
	}
	s := p.TypeScope(o)
	if s == nil {
		return nil, fmt.Errorf("no type data available for %s", o.Name)
	}
	return &libcTypes{p, s, o}, nil
}

// field gives the offset and size of a member, bytes: "a.b".
func (l *libcTypes) field(typ, path string) (off, size uint64, err error) {
	t, err := l.scope.Lookup(typ)
	if err != nil {
		return 0, 0, err
	}
	for _, name := range strings.Split(path, ".") {
		m, err := t.Resolve().FindMember(name)
		if err != nil {
			return 0, 0, fmt.Errorf("member %s of %s: %w", path, typ, err)
		}
		off, t = off+m.Off/8, m.Type
	}
	return off, t.Size(), nil
}

// read reads an integer member of the structure at a VA.
func (l *libcTypes) read(at uint64, typ, path string) (uint64, error) {
	off, size, err := l.field(typ, path)
	if err != nil {
		return 0, err
	}
	return mem.ReadUint(l.p.space, mem.Addr(at+off), int(size), binary.LittleEndian)
}

// Uberdata gives the address of libc's uberdata_t: where _tdb_bootstrap leads, else
// the one in libc's data.
func (p *IllumosProcess) Uberdata() (uint64, error) {
	m, err := p.ns.LookupName("libc.so.1", "_tdb_bootstrap")
	if err != nil {
		return 0, fmt.Errorf("cannot find libc.so.1`_tdb_bootstrap")
	}
	if at, err := p.word(m.Value); err == nil && at != 0 {
		if u, err := p.word(at); err == nil && u != 0 {
			return u, nil
		}
	}
	if m, err = p.ns.LookupName("libc.so.1", "_uberdata"); err != nil {
		return 0, fmt.Errorf("cannot find libc.so.1`_uberdata")
	}
	return m.Value, nil
}

// ulwp finds the ulwp_t of a thread.
func (l *libcTypes) ulwp(thread uint64) (uint64, error) {
	uber, err := l.p.Uberdata()
	if err != nil {
		return 0, err
	}
	first, err := l.read(uber, "uberdata_t", "all_lwps")
	if err != nil {
		return 0, err
	}
	for at, n := first, 0; at != 0 && n < maxThreads; n++ {
		id, err := l.read(at, "ulwp_t", "ul_lwpid")
		if err != nil {
			return 0, err
		}
		if id == thread {
			return at, nil
		}
		if at, err = l.read(at, "ulwp_t", "ul_forw"); err != nil {
			return 0, err
		}
		if at == first {
			break
		}
	}
	return 0, fmt.Errorf("thread %d is not on libc's list", thread)
}

// TLSBase implements core.ThreadLocal.
func (p *IllumosProcess) TLSBase(thread uint64, o *sym.Object) (uint64, error) {
	if o == nil {
		if o = p.ns.Main(); o == nil {
			return 0, ErrNoRTLD
		}
	}
	module := p.modules[o]
	if module == 0 {
		return 0, ErrNoTLS
	}
	l, err := p.libc()
	if err != nil {
		return 0, err
	}
	self, err := l.ulwp(thread)
	if err != nil {
		return 0, err
	}
	uber, err := p.Uberdata()
	if err != nil {
		return 0, err
	}
	n, err := l.read(uber, "uberdata_t", "tls_metadata.tls_modinfo.tls_size")
	if err != nil {
		return 0, err
	}
	if module >= n {
		return 0, ErrNoTLS
	}
	info, err := l.read(uber, "uberdata_t", "tls_metadata.tls_modinfo.tls_data")
	if err != nil {
		return 0, err
	}
	return l.block(self, info, module)
}

// block gives the thread's block of a module, whose TLS_modinfo is in the array at
// info.
func (l *libcTypes) block(self, info, module uint64) (uint64, error) {
	t, err := l.scope.Lookup("TLS_modinfo")
	if err != nil {
		return 0, err
	}
	at := info + module*t.Size()
	vals := map[string]uint64{}
	for _, name := range []string{"tm_memsz", "tm_flags", "tm_stattlsoffset"} {
		if vals[name], err = l.read(at, "TLS_modinfo", name); err != nil {
			return 0, err
		}
	}
	if vals["tm_memsz"] == 0 {
		return 0, ErrNoTLS
	}
	if vals["tm_flags"]&tmStaticTLS != 0 {
		return self - vals["tm_stattlsoffset"], nil
	}
	n, err := l.read(self, "ulwp_t", "ul_tls.tls_size")
	if err != nil {
		return 0, err
	}
	if module >= n {
		return 0, ErrTLSUnallocated
	}
	ents, err := l.read(self, "ulwp_t", "ul_tls.tls_data")
	if err != nil {
		return 0, err
	}
	block, err := l.p.word(ents + module*2*uint64(l.p.ptr()))
	if err != nil {
		return 0, err
	}
	if block == 0 {
		return 0, ErrTLSUnallocated
	}
	return block, nil
}
