package golang

import (
	"fmt"

	"github.com/xmdb/xmdb/core/value"
)

// moduleData is what is read of a runtime.moduledata: where the parts of a
// program, or of a plugin, lie.
type moduleData struct {
	Addr       uint64
	Text       uint64 `ctf:"text"`
	EText      uint64 `ctf:"etext"`
	NoPtrData  uint64 `ctf:"noptrdata"`
	ENoPtrData uint64 `ctf:"enoptrdata"`
	Data       uint64 `ctf:"data"`
	EData      uint64 `ctf:"edata"`
	BSS        uint64 `ctf:"bss"`
	EBSS       uint64 `ctf:"ebss"`
	NoPtrBSS   uint64 `ctf:"noptrbss"`
	ENoPtrBSS  uint64 `ctf:"enoptrbss"`
	Types      uint64 `ctf:"types"`
	ETypes     uint64 `ctf:"etypes"`
	Next       uint64 `ctf:"next"`
}

// maxModules bounds the list of modules: the program and its plugins.
const maxModules = 4096

// moduleList gives the program's modules; with an error, those that were found
// before it.
func (r *goRuntime) moduleList() ([]moduleData, error) {
	if r.modules == nil && r.modulesErr == nil {
		r.modules, r.modulesErr = r.readModules()
	}
	return r.modules, r.modulesErr
}

func (r *goRuntime) readModules() ([]moduleData, error) {
	v, err := r.global("runtime.firstmoduledata")
	if err != nil {
		return nil, err
	}
	var list []moduleData
	seen := map[uint64]bool{}
	for at := uint64(v.Addr); at != 0; {
		if seen[at] || len(list) >= maxModules {
			return list, fmt.Errorf("list of modules comes back to %#x", at)
		}
		seen[at] = true
		m := moduleData{Addr: at}
		v, err := r.at(at, "runtime.moduledata")
		if err != nil {
			return list, err
		}
		if err := value.Load(v, &m); err != nil {
			return list, fmt.Errorf("read runtime.moduledata at %#x: %w", at, err)
		}
		list = append(list, m)
		at = m.Next
	}
	return list, nil
}

// moduleOf finds the module whose type data an address lies in.
func (r *goRuntime) moduleOf(addr uint64) (*moduleData, error) {
	ms, err := r.moduleList()
	for i := range ms {
		if addr >= ms[i].Types && addr < ms[i].ETypes {
			return &ms[i], nil
		}
	}
	// Types that reflection made lie on the heap; their names do, too, but are
	// given as offsets that only the runtime's own table resolves.
	if err == nil {
		err = fmt.Errorf("%#x is in no module's type data", addr)
	}
	return nil, err
}

// section names the part of a module that an address lies in.
func (m *moduleData) section(addr uint64) (name string, base uint64, ok bool) {
	for _, s := range []struct {
		name     string
		from, to uint64
	}{
		{"text", m.Text, m.EText}, {"noptrdata", m.NoPtrData, m.ENoPtrData}, {"data", m.Data, m.EData},
		{"bss", m.BSS, m.EBSS}, {"noptrbss", m.NoPtrBSS, m.ENoPtrBSS}, {"type data", m.Types, m.ETypes},
	} {
		if addr >= s.from && addr < s.to {
			return s.name, s.from, true
		}
	}
	return "", 0, false
}
