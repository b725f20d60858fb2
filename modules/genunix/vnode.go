package genunix

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func vnodeDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "vnode2path", Usage: "?[-F]", MDBUsage: ":[-F]", Descr: "vnode address to pathname", Type: "vnode_t", Run: noArgs(runVnode2path),
			Help: "Prints the path of a vnode: the one it remembers, else what the directory name\ncache says; ?? if neither does.\n",
			Opts: []core.Opt{{Letter: 'F', Help: "with the letter ls -F puts behind names of its type"}}},
		{Name: "fsinfo", Usage: "?[-v]", Descr: "print mounted filesystems", Type: "vfs_t", Table: fsinfoTable, Run: noArgs(perAddress(allVFS, fsinfoRow)),
			Help: "Lists the mounted file systems, or the one at the address.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with what is mounted and its options"}}},
		{Name: "lminfo", Descr: "print lock manager information", Table: lminfoTable, Run: noArgs(runLminfo),
			Help: "Lists the locks on files, with the process that holds or waits for each.\n"},
		{Name: "refstr", Usage: "?", MDBUsage: ":", Descr: "print string from a refstr_t", Type: "refstr_t", Run: runRefstr,
			Help: "Prints the text of a reference-counted string.\n"},
	}
}

func vnodeWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "vfs", Descr: "walk file system list", Addr: core.AddrOptional, Type: "vfs_t", Walk: walkVFS},
		{Name: "dnlc", Descr: "walk dnlc entries", Addr: core.AddrOptional, Type: "ncache_t", Walk: walkNames},
		{Name: "lock_graph", Descr: "walk lock graph", Type: "lock_descriptor_t", Addr: core.AddrOptional, Walk: walkLockGraph},
		{Name: "lock_descriptor", Descr: "walk lock_descriptor_t structures", Type: "lock_descriptor_t", Addr: core.AddrRequired, Walk: walkLocks},
	}
}

const maxPath = 1024 // MAXPATHLEN

func runRefstr(c *core.Ctx) error {
	if !c.HasAddr {
		c.Warnf("address is required")
		return core.ErrFailed
	}
	s, err := viewOf(c).refText(c.Addr, maxPath)
	if err != nil {
		return c.Warn(err, "failed to read refstr_t at %p", c.Addr)
	}
	c.Record(func() { c.Printf("%s\n", s) }, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "text", Value: s})
	return nil
}

func runVnode2path(c *core.Ctx) error {
	if !c.HasAddr {
		c.Warnf("expected explicit vnode_t address before ::")
		return core.ErrUsage
	}
	v := viewOf(c)
	path, err := v.vnodePath(c, c.Addr)
	if err != nil {
		return err
	}
	suffix := ""
	if path == "" {
		path = noPath
	} else if c.Opt('F') && !strings.HasSuffix(path, "/") {
		if t, err := v.member("vnode_t", "v_type", c.Addr); err == nil {
			t = min(t, uint64(len(typeLetters)-1))
			suffix = typeLetters[t : t+1]
		}
	}
	c.Record(func() { c.Printf("%s%s\n", path, suffix) }, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "path", Value: path})
	return nil
}

// typeLetters are what stands behind a path, by enum vtype.
const typeLetters = "  /  @|> = ?"

// noPath is what stands for a path, or its beginning, that nothing knows.
const noPath = "??"

// vnodePath is the path of a vnode: noPath with an error if nothing knows it, "" if the
// vnode knows that it has none.
func (v *view) vnodePath(c *core.Ctx, vp uint64) (string, error) {
	at, err := v.member("vnode_t", "v_path", vp)
	if err == nil && at != 0 {
		if s, err := v.text(at, maxPath); err == nil {
			return s, nil
		}
	}
	names, nerr := namesOf(c, v)
	if nerr != nil {
		return "", nerr
	}
	root, rerr := v.variable("genunix", "rootdir")
	if rerr != nil {
		return "", rerr
	}
	var parts []string
	for at := vp; at != root; {
		n, ok := names[at]
		if !ok || len(parts) > 256 {
			if len(parts) == 0 {
				return noPath, fmt.Errorf("no path is known of vnode %x", vp)
			}
			parts = append(parts, noPath)
			slices.Reverse(parts)
			return strings.Join(parts, "/"), nil
		}
		parts = append(parts, n.name)
		at = n.dir
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/"), nil
}

// cachedName is an entry of the directory name cache.
type cachedName struct {
	dir  uint64
	name string
}

type namesKey struct{}

// namesOf loads the directory name cache: a name for each vnode that has one.
func namesOf(c *core.Ctx, v *view) (map[uint64]cachedName, error) {
	return core.Memo(c.Session, namesKey{}, func() (map[uint64]cachedName, error) {
		names := map[uint64]cachedName{}
		for a, err := range v.cachedNames(c) {
			if err != nil {
				return nil, err
			}
			if err := v.addName(a, names); err != nil {
				c.Warnf("%s", err.Error())
			}
		}
		return names, nil
	})
}

// maxNameChains bounds the table of the directory name cache.
const maxNameChains = 1 << 22

// cachedNames walks the entries of the cache. A chain that is not sound is warned
// about and the walk goes on with the next, as MDB does.
func (v *view) cachedNames(c *core.Ctx) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		hash, err := v.variable("genunix", "nc_hash")
		var n, size uint64
		if err == nil {
			n, err = v.variable("genunix", "nc_hashsz")
		}
		if err == nil {
			size, err = v.size("nc_hash_t")
		}
		if err != nil {
			yield(0, err)
			return
		}
		for i := range min(n&0xffffffff, maxNameChains) {
			for a, err := range v.nameChain(hash + i*size) {
				if err != nil {
					c.Warnf("inconsistent dnlc chain: %d, %s - continuing with the rest", i, err.Error())
					break
				}
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

func walkNames(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("ncache_t", v.cachedNames(c))
}

// nameChain walks one chain, which ends at its head.
func (v *view) nameChain(head uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		a, err := v.member("nc_hash_t", "hash_next", head)
		if err != nil {
			yield(0, badRead("nc_hash_t", head, err))
			return
		}
		var met loop
		for a != head && a != 0 {
			if met.again(a) {
				yield(0, fmt.Errorf("ncache at %x is on its list twice", a))
				return
			}
			next, err := v.member("ncache_t", "hash_next", a)
			if err != nil {
				yield(0, badRead("ncache", a, err))
				return
			}
			if !yield(a, nil) {
				return
			}
			a = next
		}
	}
}

// addName notes the name that an entry gives its vnode, unless it has one.
func (v *view) addName(entry uint64, names map[uint64]cachedName) error {
	var e struct {
		VP  uint64 `ctf:"vp"`
		DP  uint64 `ctf:"dp"`
		Len uint8  `ctf:"namlen"`
	}
	if err := v.load("ncache_t", entry, &e); err != nil {
		return badRead("ncache", entry, err)
	}
	at, err := v.ref("ncache_t", entry, "name")
	if err != nil {
		return err
	}
	b := make([]byte, e.Len)
	if err := v.read(at, b); err != nil {
		return badRead("name of ncache", entry, err)
	}
	if name := string(b); name != "." && name != ".." {
		if _, ok := names[e.VP]; !ok {
			names[e.VP] = cachedName{e.DP, name}
		}
	}
	return nil
}

func walkVFS(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	if has {
		return v.elems("vfs_t", v.ring("vfs_t", "vfs_t", "vfs_next", uint64(start)))
	}
	return v.elems("vfs_t", v.from("genunix", "rootvfs", func(first uint64) iter.Seq2[uint64, error] {
		return v.ring("vfs_t", "vfs_t", "vfs_next", first)
	}))
}

func allVFS(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkVFS(c, 0, false) }

// Sizes of names (sys/stat.h, and the column of ::fsinfo).
const (
	fsNameSize   = 16
	fsMountWidth = 48
)

// fsName is the name of the file system of a vfs_t: from the table of them, else by
// the variable that it is.
func (v *view) fsName(c *core.Ctx, vfs uint64) (string, error) {
	typ, err := v.member("vfs_t", "vfs_fstype", vfs)
	if err != nil {
		return "", badRead("vfs", vfs, err)
	}
	if typ = uint64(uint32(typ)); typ != 0 {
		table, err := v.address("genunix", "vfssw")
		if err != nil {
			return "", err
		}
		size, err := v.size("struct vfssw")
		if err != nil {
			return "", err
		}
		name, err := v.member("struct vfssw", "vsw_name", table+typ*size)
		if err != nil {
			return "", fmt.Errorf("failed to read vfssw index %d: %s", typ, core.Reason(err))
		}
		s, err := v.text(name, fsNameSize)
		if err != nil {
			return "", fmt.Errorf("failed to find fs name %x: %s", name, core.Reason(err))
		}
		return s, nil
	}
	if m, err := c.SymbolAt(vfs); err == nil {
		if name, ok := strings.CutSuffix(m.Name, "_vfs"); ok && name != "" {
			switch name {
			case "door", "port": // these two MDB names as they are
				name += "fs"
			}
			return name, nil
		}
	}
	return "", fmt.Errorf("unknown filesystem type for vfs %x", vfs)
}

var fsinfoTable = &core.Table{
	Head: "%<u>%?s %-15s %s%</u>\n", Line: "%0?p %-15s %s\n", Type: "vfs_t",
	Cols: []core.Field{{Name: "addr", Head: "VFSP"}, {Name: "fs", Head: "FS"}, {Name: "mount", Head: "MOUNT"}},
}

// fsinfoVerbose has what -v adds, in JSON.
var fsinfoVerbose = &core.Table{Head: fsinfoTable.Head, Line: fsinfoTable.Line, Type: "vfs_t",
	Cols: append(slices.Clone(fsinfoTable.Cols), core.Field{Name: "resource"}, core.Field{Name: "options"})}

func fsinfoRow(c *core.Ctx, v *view, addr uint64) error {
	var vfs struct {
		Mount    uint64 `ctf:"vfs_mntpt"`
		Resource uint64 `ctf:"vfs_resource"`
		Count    uint32 `ctf:"vfs_mntopts.mo_count"`
		List     uint64 `ctf:"vfs_mntopts.mo_list"`
		Zone     uint64 `ctf:"vfs_zone"`
	}
	if err := v.load("vfs_t", addr, &vfs); err != nil {
		return c.Warn(err, "failed to read vfs_t %p", addr)
	}
	path := v.refOr(vfs.Mount)
	if !c.Opt('v') && len(path) >= fsMountWidth && !c.Opts.JSON {
		path = path[:fsMountWidth-4] + "..."
	}
	name, err := v.fsName(c, addr)
	if err != nil {
		return err
	}
	if !c.Opt('v') || c.PipeOut {
		c.Row(out.Hex(addr), name, path)
		return nil
	}
	opts, err := v.mountOptions(vfs.List, vfs.Count, vfs.Zone)
	resource := v.refOr(vfs.Resource)
	withTable(c, fsinfoVerbose)
	c.Row(out.Hex(addr), name, path, resource, opts)
	if !c.Opts.JSON {
		c.Printf("%?s %s\n", "R:", resource)
		if len(opts) > 0 {
			c.Printf("%?s %s\n", "O:", strings.Join(opts, ","))
		}
	}
	return err
}

// refOr is the text of a refstr_t, "??" if there is none.
func (v *view) refOr(addr uint64) string {
	if addr != 0 {
		if s, err := v.refText(addr, maxPath); err == nil && s != "" {
			return s
		}
	}
	return "??"
}

// Flags of mount options (sys/vfs.h).
const (
	optSet      = 1
	optHasValue = 4
	maxOptions  = 1024
)

// mountOptions lists the options that are set, and the zone if it is not the global
// one.
func (v *view) mountOptions(list uint64, n uint32, zone uint64) ([]string, error) {
	size, err := v.size("mntopt_t")
	if err != nil {
		return nil, err
	}
	var opts []string
	for i := range min(n, maxOptions) {
		var o struct {
			Name  uint64 `ctf:"mo_name"`
			Arg   uint64 `ctf:"mo_arg"`
			Flags int32  `ctf:"mo_flags"`
		}
		if err := v.load("mntopt_t", list+uint64(i)*size, &o); err != nil {
			return opts, fmt.Errorf("failed to read mntopts %x: %s", list, core.Reason(err))
		}
		if o.Flags&optSet == 0 {
			continue
		}
		text, err := v.text(o.Name, maxPath)
		if err != nil {
			return opts, fmt.Errorf("failed to read mntopt name %x: %s", o.Name, core.Reason(err))
		}
		if o.Flags&optHasValue != 0 {
			arg, err := v.text(o.Arg, maxPath)
			if err != nil {
				return opts, fmt.Errorf("failed to read mntopt value %x: %s", o.Arg, core.Reason(err))
			}
			text += "=" + arg
		}
		opts = append(opts, text)
	}
	global, err := v.variable("genunix", "global_zone")
	if err != nil {
		return opts, err
	}
	if zone != 0 && zone != global {
		name, err := v.zoneName(zone)
		if err != nil {
			return opts, err
		}
		opts = append(opts, "zone="+name)
	}
	return opts, nil
}
