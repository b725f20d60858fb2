package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
)

// IllumosObject is a load object as illumos's run-time linker lists it.
type IllumosObject struct {
	Name       string // path
	Base, Size uint64 // of the image
	Dynamic    uint64 // VA of the dynamic section, 0 if there is none
	Entry      uint64 // VA of its Rt_map
	LMID       uint64 // 0 the base list, 1 that of ld.so.1, else the list's address
	Module     uint64 // of thread-local storage, 0 if it has none
}

// Auxiliary vector entry of illumos (sys/auxv.h): where ld.so.1 keeps its
// rtld_db_priv.
const atSunLDData = 2016

// What ld.so.1's structures say (sgs/include/rtld.h, rtld_db.h).
const (
	rtReloced   = 0x4 // FLG_RT_RELOCED
	lmlBase     = 0x1 // LML_FLG_BASELM
	lmlRTLD     = 0x2 // LML_FLG_RTLDLM
	rtdVersions = 6   // rtd_version at most
	rtdReloced  = 5   // from which FLG_RT_RELOCED counts
)

// rtldLayout has the byte offsets of what librtld_db's interface fixes: of
// rtld_db_priv, APlist, Lm_list and Rt_map.
type rtldLayout struct {
	version, dynlmlst  uint64
	lmFlags            uint64
	path, msize, flags uint64
	tlsModule          uint64
}

var (
	rtld64 = rtldLayout{version: 56, dynlmlst: 72, lmFlags: 24, path: 48, msize: 72, flags: 80, tlsModule: 88}
	rtld32 = rtldLayout{version: 32, dynlmlst: 40, lmFlags: 12, path: 24, msize: 36, flags: 40, tlsModule: 48}
)

// rtldReader reads the lists.
type rtldReader struct {
	space mem.Space
	word  uint64
	lay   *rtldLayout
	all   bool // an old rtld, without FLG_RT_RELOCED
	seen  map[uint64]bool
	objs  []IllumosObject
}

var errNoRTLDData = errors.New("the run-time linker's data cannot be found")

// IllumosObjects reads the lists that ld.so.1 keeps for debuggers: rtld_db_priv by
// AT_SUN_LDDATA, else by DT_DEBUG of the program, whose dynamic section is at dynamic;
// its list of link map lists, their Rt_maps. Objects not relocated are left out, as
// librtld_db does. With an error come the objects found so far.
func IllumosObjects(s mem.Space, word int, aux func(uint64) (uint64, bool), dynamic uint64) ([]IllumosObject, error) {
	r := &rtldReader{space: s, word: uint64(word), lay: &rtld64, seen: map[uint64]bool{}}
	if word == 4 {
		r.lay = &rtld32
	}
	priv, ok := aux(atSunLDData)
	if !ok {
		if priv = r.debugEntry(dynamic); priv == 0 {
			return nil, errNoRTLDData
		}
	}
	version, err := r.u32(priv + r.lay.version)
	if err != nil {
		return nil, err
	}
	if version < 1 || version > rtdVersions {
		return nil, fmt.Errorf("version %d of the run-time linker's data at %#x is not known", version, priv)
	}
	r.all = version < rtdReloced
	err = r.lists(priv)
	return r.objs, err
}

func (r *rtldReader) ptr(a uint64) (uint64, error) {
	return mem.ReadUint(r.space, mem.Addr(a), int(r.word), binary.LittleEndian)
}

func (r *rtldReader) u32(a uint64) (uint64, error) {
	return mem.ReadUint(r.space, mem.Addr(a), 4, binary.LittleEndian)
}

// debugEntry is the value of DT_DEBUG; 0 if there is none.
func (r *rtldReader) debugEntry(dynamic uint64) uint64 {
	for i := uint64(0); dynamic != 0 && i < maxDynamic; i++ {
		tag, err := r.ptr(dynamic + 2*i*r.word)
		if err != nil || elf.DynTag(tag) == elf.DT_NULL {
			break
		}
		if elf.DynTag(tag) == elf.DT_DEBUG {
			v, _ := r.ptr(dynamic + (2*i+1)*r.word)
			return v
		}
	}
	return 0
}

// lists reads the APlist of link map lists: its size, how many items it has, the items.
func (r *rtldReader) lists(priv uint64) error {
	at, err := r.ptr(priv + r.lay.dynlmlst)
	if err != nil {
		return err
	}
	list, err := r.ptr(at)
	if err != nil {
		return err
	}
	n, err := r.ptr(list + r.word)
	if err != nil {
		return err
	}
	if n > maxNamespaces {
		return fmt.Errorf("list of link map lists at %#x has %d items", list, n)
	}
	for i := range n {
		lml, err := r.ptr(list + (2+i)*r.word)
		if err == nil {
			err = r.list(lml)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list reads one Lm_list.
func (r *rtldReader) list(lml uint64) error {
	flags, err := r.u32(lml + r.lay.lmFlags)
	if err != nil {
		return err
	}
	lmid := lml
	switch {
	case flags&lmlBase != 0:
		lmid = 0
	case flags&lmlRTLD != 0:
		lmid = 1
	}
	at, err := r.ptr(lml)
	for ; err == nil && at != 0; at, err = r.ptr(at + 3*r.word) {
		if r.seen[at] || len(r.seen) >= maxLinkMaps {
			return fmt.Errorf("link map at %#x: list does not end", at)
		}
		r.seen[at] = true
		if err := r.entry(at, lmid); err != nil {
			return err
		}
	}
	return err
}

// entry reads one Rt_map.
func (r *rtldReader) entry(at, lmid uint64) error {
	o := IllumosObject{Entry: at, LMID: lmid}
	var name, flags uint64
	for _, f := range []struct {
		off uint64
		to  *uint64
	}{{0, &o.Base}, {2 * r.word, &o.Dynamic}, {r.lay.path, &name}, {r.lay.msize, &o.Size}, {r.lay.tlsModule, &o.Module}} {
		v, err := r.ptr(at + f.off)
		if err != nil {
			return err
		}
		*f.to = v
	}
	flags, err := r.u32(at + r.lay.flags)
	if err != nil {
		return err
	}
	if flags&rtReloced == 0 && !r.all {
		return nil
	}
	if s, err := mem.ReadString(r.space, mem.Addr(name), maxPath); err == nil {
		o.Name = s
	}
	r.objs = append(r.objs, o)
	return nil
}
