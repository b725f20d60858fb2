package zfs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// openZFSModules are the modules of Linux that OpenZFS is made of; since 2.2 the first
// two.
var openZFSModules = []string{"spl", "zfs", "zavl", "znvpair", "zunicode", "zcommon", "zlua", "icp", "zzstd"}

var paramTable = &core.Table{
	Head: "%<u>%-40s %-8s %-8s %-s%</u>\n", Line: "%-40s %-8s %-8s %-s\n",
	Cols: []core.Field{{Name: "name", Head: "NAME"}, {Name: "module", Head: "MODULE"}, {Name: "type", Head: "TYPE"},
		{Name: "value", Head: "VALUE", Descr: "as in /sys/module; \"-\" if a function of the module makes it up"}},
}

type paramLayout struct {
	Size uint64       `ctf:"sizeof"`
	Name kernel.Field `ctf:"name"`
	Ops  kernel.Field `ctf:"ops"`
	Arg  kernel.Field `ctf:"arg"`
}

// Bounds of what is believed of parameters.
const (
	maxParams    = 1 << 12
	maxParamText = 1024
)

// runModuleParams lists the parameters of OpenZFS's modules, which are its tunables on
// Linux: the array of struct kernel_param that a struct module points to.
func runModuleParams(c *core.Ctx, v *kernel.View, k *system.LinuxKernel) error {
	d := *c.Dcmd
	d.Table = paramTable
	c.Dcmd = &d
	found := false
	var f failures
	for _, m := range k.Modules() {
		if slices.Contains(openZFSModules, m.Name) {
			found = true
			f.add(c, moduleParams(c, v, m))
		}
	}
	if !found {
		return fmt.Errorf("OpenZFS's modules are not loaded")
	}
	return f.last
}

func moduleParams(c *core.Ctx, v *kernel.View, m *system.LinuxModule) error {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		List  kernel.Field `ctf:"kp"`
		Count kernel.Field `ctf:"num_kp"`
	}
	l, b, err := read(v, "struct module", m.Addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	at, n := l.List.Of(b), l.Count.Of(b)
	if n > maxParams {
		return fmt.Errorf("struct module %x: it cannot have %d parameters", m.Addr, n)
	}
	for range n {
		if c.Err() != nil {
			return core.ErrIntr
		}
		p, pb, err := read(v, "struct kernel_param", at, func(l *paramLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		name, err := v.Text(p.Name.Of(pb), maxParamText)
		if err != nil {
			return kernel.Failed(err, "failed to read the name of struct kernel_param at %x", at)
		}
		typ, err := paramType(v, p.Ops.Of(pb))
		if err != nil {
			return err
		}
		value, err := paramValue(v, typ, p.Arg.Of(pb))
		if err != nil {
			c.Warnf("%s: %s", name, err.Error())
		} else {
			c.Row(name, m.Name, typ, value)
		}
		at += p.Size
	}
	return nil
}

// paramType is the type of a parameter by the function that shows it: those of the kernel
// are called param_get_TYPE, and OpenZFS has some of its own that are called so. "?" is
// what another function makes up.
func paramType(v *kernel.View, ops uint64) (string, error) {
	f, err := v.Member("struct kernel_param_ops", "get")
	if err != nil {
		return "", err
	}
	get, err := v.Pointer(ops + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct kernel_param_ops", ops, err)
	}
	if get == 0 {
		return "?", nil // can be written only
	}
	m, err := v.Session().Namespace().LookupAddr(get, 0)
	if err != nil {
		return "?", nil
	}
	if typ, ok := strings.CutPrefix(strings.TrimPrefix(m.Name, "spl_"), "param_get_"); ok && paramTypes[typ] != 0 {
		return typ, nil
	}
	return "?", nil
}

// paramTypes are the types of parameters, with the bytes of each: negative for a number
// with a sign.
var paramTypes = map[string]int{"byte": 1, "short": -2, "ushort": 2, "int": -4, "uint": 4, "hexint": 4, "long": -8, "ulong": 8,
	"ullong": 8, "s64": -8, "u64": 8, "bool": 1, "invbool": 1, "charp": 8, "string": 8}

// paramValue is a parameter's value as /sys shows it.
func paramValue(v *kernel.View, typ string, arg uint64) (string, error) {
	size, ok := paramTypes[typ]
	if !ok {
		return "-", nil
	}
	signed := size < 0
	size = max(size, -size)
	if typ == "string" { // arg is a struct kparam_string
		f, err := v.Member("struct kparam_string", "string")
		if err != nil {
			return "", err
		}
		arg += f.Off
	}
	n, err := mem.ReadUint(v.Space(), mem.Addr(arg), size, v.W.Order)
	if err != nil {
		return "", kernel.BadRead("parameter", arg, err)
	}
	switch {
	case (typ == "charp" || typ == "string") && n == 0:
		return "(null)", nil
	case typ == "charp" || typ == "string":
		text, err := v.Text(n, maxParamText)
		if err != nil {
			return "", kernel.BadRead("parameter", n, err)
		}
		return text, nil
	case typ == "bool" || typ == "invbool":
		if (n != 0) == (typ == "bool") {
			return "Y", nil
		}
		return "N", nil
	case typ == "hexint":
		return fmt.Sprintf("%#08x", n), nil
	case signed:
		shift := 64 - 8*size
		return fmt.Sprint(int64(n<<shift) >> shift), nil
	}
	return fmt.Sprint(n), nil
}
