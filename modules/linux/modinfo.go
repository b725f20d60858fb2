package linux

import (
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

var moduleTable = &core.Table{
	Head: "%<u>%-?s %-?s %8s %4s %-8s %-5s %-22s %-s%</u>\n", Line: "%0?p %0?p %8d %4d %-8s %-5s %-22s %-s\n", Type: "struct module",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "text", Head: "LOADADDR", Descr: "of its code"},
		{Name: "size", Head: "SIZE", Descr: "bytes of memory that it keeps"}, {Name: "refs", Head: "USED", Descr: "references"},
		{Name: "state", Head: "STATE"}, {Name: "taint", Head: "TAINT", Descr: "as in /proc/modules: P proprietary, O out of tree, E unsigned, C staging, K live patch"},
		{Name: "name", Head: "MODULE NAME"}, {Name: "by", Head: "USED BY"}},
}

func moduleDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "modinfo", Usage: "?", Descr: "loaded modules", Type: "struct module",
		Help: `Lists loaded modules, the newest first, as lsmod does: address of the struct module and of
its code, bytes of memory, references, state, how it taints the kernel (P proprietary, O out
of tree, E unsigned, C staging, K live patch), name and the modules that use it.
`,
		Table: moduleTable, Run: noArgs(perAddress(loadedModules, moduleRow)),
	}}
}

func moduleWalkers() []*core.Walker {
	return []*core.Walker{walker("module", "loaded modules", "struct module", loadedModules)}
}

// loadedModules are those that the kernel's list has.
func loadedModules(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		k, err := kernelOf(v.Session())
		if err != nil {
			yield(0, err)
			return
		}
		for _, m := range k.Modules() {
			if !yield(m.Addr, nil) {
				return
			}
		}
	}
}

// moduleStates are the names that /proc/modules has for enum module_state.
var moduleStates = map[int]string{system.ModuleLive: "Live", system.ModuleComing: "Loading", system.ModuleGoing: "Unload", system.ModuleUnformed: "Unformed"}

func moduleRow(c *core.Ctx, v *kernel.View, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct module"))
		return nil
	}
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	for _, m := range k.Modules() {
		if m.Addr != addr {
			continue
		}
		size := uint64(0)
		for _, r := range m.Ranges {
			size += r.Size
		}
		refs, users, err := moduleUsers(v, addr)
		taint, terr := moduleTaint(v, addr)
		c.Row(out.Hex(addr), out.Hex(m.Text.Base), size, cell(c, refs, err, "references", addr), moduleStates[m.State],
			cell(c, taint, terr, "taints", addr), m.Name, strings.Join(users, ","))
		return nil
	}
	return kernel.Failed(nil, "%x is not a loaded module", addr)
}

// moduleTaints are the letters of the bits by which a module taints the kernel
// (kernel/panic.c: those of taint_flags that are a module's).
var moduleTaints = map[int]byte{0: 'P', 10: 'C', 12: 'O', 13: 'E', 15: 'K', 16: 'X', 18: 'N'}

// moduleTaint is how a module taints the kernel; "-" if it does not.
func moduleTaint(v *kernel.View, addr uint64) (string, error) {
	f, err := v.Member("struct module", "taints")
	if err != nil {
		return "", err
	}
	bits, err := v.Pointer(addr + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct module", addr, err)
	}
	var letters []byte
	for i := range 64 {
		if l, ok := moduleTaints[i]; ok && bits>>i&1 != 0 {
			letters = append(letters, l)
		}
	}
	if letters == nil {
		return "-", nil
	}
	return string(letters), nil
}

// moduleUsers counts the references to a module, but for the one that a loaded module has
// to itself, and names the modules that use it.
func moduleUsers(v *kernel.View, addr uint64) (refs int, users []string, err error) {
	type layout struct {
		Size   uint64       `ctf:"sizeof"`
		Refs   kernel.Field `ctf:"refcnt.counter,optional"`
		Source kernel.Field `ctf:"source_list,optional"`
		Name   kernel.Field `ctf:"name"`
	}
	l, b, err := read(v, "struct module", addr, func(l *layout) uint64 { return l.Size })
	if err != nil || !l.Refs.OK() { // without CONFIG_MODULE_UNLOAD
		return 0, nil, err
	}
	refs = int(int32(l.Refs.Of(b))) - 1
	type use struct {
		List kernel.Field `ctf:"source_list"`
		By   kernel.Field `ctf:"source"`
	}
	u, err := kernel.Lay[use](v, "struct module_use")
	if err != nil {
		return refs, nil, err
	}
	for a, err := range members(v, "module_use", addr+l.Source.Off, u.List) {
		if err != nil {
			return refs, users, err
		}
		by, err := v.Pointer(a + u.By.Off)
		if err != nil {
			return refs, users, kernel.BadRead("module_use", a, err)
		}
		name, err := mem.ReadString(v.Space(), mem.Addr(by+l.Name.Off), int(l.Name.Size))
		if err != nil {
			return refs, users, kernel.BadRead("struct module", by, err)
		}
		users = append(users, name)
	}
	return refs, users, nil
}
