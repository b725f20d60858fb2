package zfs

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func aclDcmds() []*core.Dcmd {
	verbose := []core.Opt{{Letter: 'v', Help: "as ls -V prints them: who, what, which inheritance, allowed or denied"}}
	return []*core.Dcmd{
		{Name: "zfs_ace", Usage: ":[-v]", Descr: "print zfs_ace", Type: "zfs_ace_t", Table: aceTable, Run: noArgs(func(c *core.Ctx) error { return runAce(c, aceFUID) }), Opts: verbose},
		{Name: "zfs_ace0", Usage: ":[-v]", Descr: "print zfs_ace0", Type: "ace_t", Table: aceTable, Run: noArgs(func(c *core.Ctx) error { return runAce(c, aceOld) }), Opts: verbose},
		{Name: "zfs_aces", Usage: ":[-v]", Descr: "print all ACEs from a zfs_acl_t", Type: "zfs_acl_t", Table: aceTable, Run: noArgs(runAces), Opts: verbose,
			Help: "Prints the entries of an access control list, such as the z_acl_cached of a znode_t.\n"},
	}
}

func aclWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "zfs_acl_node", Descr: "given a zfs_acl_t, walk all zfs_acl_nodes", Addr: core.AddrRequired, Type: "zfs_acl_node_t", Walk: walkACLNodes},
		{Name: "zfs_acl_node_aces", Descr: "given a zfs_acl_node_t, walk all ACEs", Addr: core.AddrRequired, Type: "zfs_ace_t", Walk: walkNodeAces(aceFUID)},
		{Name: "zfs_acl_node_aces0", Descr: "given a zfs_acl_node_t, walk all ACEs as ace_t", Addr: core.AddrRequired, Type: "ace_t", Walk: walkNodeAces(aceOld)},
	}
}

var aceTable = &core.Table{
	Head: "%<u>%-?s %-8s %-8s %-8s %s%</u>\n", Line: "%0?p %-8x %-8x %-8x %-llx\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "flags", Head: "FLAGS"}, {Name: "mask", Head: "MASK"}, {Name: "type", Head: "TYPE"},
		{Name: "id", Head: "ID", Descr: "of the user or group"}},
}

// aceVersion is how entries of access control lists lie: as zfs_ace_t, which is shorter
// where it is about nobody by number, or, in lists of file systems of before FUIDs, as
// ace_t.
type aceVersion struct {
	name   string
	typ    string
	header string // the type of an entry about nobody by number
	object string // of one with the types of objects
}

var (
	aceFUID = &aceVersion{"zfs_ace", "zfs_ace_t", "zfs_ace_hdr_t", "zfs_object_ace_t"}
	aceOld  = &aceVersion{"zfs_ace0", "ace_t", "ace_t", "ace_t"}
)

// aceLayout is what entries of both versions begin with.
type aceLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Who   kernel.Field `ctf:"z_fuid|a_who"`
	Mask  kernel.Field `ctf:"z_hdr.z_access_mask|a_access_mask"`
	Flags kernel.Field `ctf:"z_hdr.z_flags|a_flags"`
	Type  kernel.Field `ctf:"z_hdr.z_type|a_type"`
}

// ace is an entry of an access control list.
type ace struct {
	addr             uint64
	who              uint64
	mask, flags, typ uint64
	size             uint64 // in its list, bytes
}

// Who an entry is about (sys/acl.h): the flags of its kind; a user by number if none.
const (
	aceOwner    = 0x1000
	aceGroup    = 0x2000
	aceEveryone = 0x4000
	aceIsGroup  = 0x40
	aceKinds    = aceOwner | aceGroup | aceEveryone | aceIsGroup
)

// Types of entries: the last four are of objects.
var aceTypes = [...]string{"allow", "deny", "audit", "alarm"}

const (
	firstObjectAce = 5
	lastObjectAce  = 8
)

// byNumber tells whether the entry is about a user or a group that it has the number of.
func (a *ace) byNumber() bool { return a.flags&aceKinds == 0 || a.flags&aceKinds == aceIsGroup }

func (a *ace) id() uint64 {
	if a.byNumber() {
		return a.who
	}
	return ^uint64(0)
}

// aceForm is how a release lays entries of a version out.
type aceForm struct {
	version      *aceVersion
	l            *aceLayout
	head, object uint64 // bytes of one about nobody by number, and of one with types of objects
}

func newAceForm(v *kernel.View, version *aceVersion) (*aceForm, error) {
	f := &aceForm{version: version}
	var err error
	if f.l, err = kernel.Lay[aceLayout](v, version.typ); err != nil {
		return nil, err
	}
	if f.head, err = v.Size(version.header); err != nil {
		return nil, err
	}
	f.object, err = v.Size(version.object)
	return f, err
}

// at reads an entry: of one about nobody by number there may be no more than its head.
// read gives n bytes of memory.
func (f *aceForm) at(addr uint64, read func(addr, n uint64) ([]byte, error)) (*ace, error) {
	b, err := read(addr, f.head)
	if err != nil {
		return nil, kernel.BadRead(f.version.typ, addr, err)
	}
	l := f.l
	a := &ace{addr: addr, mask: l.Mask.Of(b), flags: l.Flags.Of(b), typ: l.Type.Of(b), size: f.head}
	switch known := a.flags & aceKinds; {
	case known == aceOwner, known == aceEveryone, known == aceIsGroup|aceGroup:
		return a, nil
	case a.typ >= firstObjectAce && a.typ <= lastObjectAce:
		a.size = f.object
	default:
		a.size = l.Size
	}
	if b, err = read(addr, l.Size); err != nil {
		return nil, kernel.BadRead(f.version.typ, addr, err)
	}
	a.who = l.Who.Of(b)
	return a, nil
}

// each calls yield for n entries from an address to another: the last ends before it.
func (f *aceForm) each(at, end, n uint64, read func(addr, n uint64) ([]byte, error), yield func(*ace) bool) error {
	first := at
	if n > maxAces || n > (end-at)/max(f.head, 1) {
		return fmt.Errorf("there cannot be %d entries in %d bytes", n, end-at)
	}
	for range n {
		a, err := f.at(at, read)
		if err != nil {
			return err
		}
		if at += a.size; at > end {
			return fmt.Errorf("the entry at %x is beyond its %d bytes", a.addr, end-first)
		}
		if !yield(a) {
			return nil
		}
	}
	return nil
}

// memory reads a kernel's.
func memory(v *kernel.View) func(addr, n uint64) ([]byte, error) {
	return func(addr, n uint64) ([]byte, error) { return v.Bytes(addr, n, nil) }
}

func runAce(c *core.Ctx, version *aceVersion) error {
	v := kernel.Of(c.Session)
	f, err := newAceForm(v, version)
	if err != nil {
		return err
	}
	a, err := f.at(c.Addr, memory(v))
	if err != nil {
		return kernel.Failed(err, "failed to read %s at %x", version.typ, c.Addr)
	}
	a.show(c)
	return nil
}

func (a *ace) show(c *core.Ctx) {
	if !c.Opt('v') || c.PipeOut || c.Opts.JSON {
		c.Row(out.Hex(a.addr), a.flags, a.mask, a.typ, a.id())
		return
	}
	kind := ":?"
	if a.typ < uint64(len(aceTypes)) {
		kind = ":" + aceTypes[a.typ]
	}
	c.Printf("%s%s:%s%s\n", a.whom(), letters(a.mask, aceRights), letters(a.flags, aceInherit), kind)
}

// whom names who an entry is about.
func (a *ace) whom() string {
	switch a.flags & aceKinds {
	case aceOwner:
		return "owner@:"
	case aceIsGroup | aceGroup:
		return "group@:"
	case aceEveryone:
		return "everyone@:"
	case aceIsGroup:
		return fmt.Sprintf("group:%x:", a.who)
	case 0:
		return fmt.Sprintf("user:%x:", a.who)
	}
	return ""
}

// flagLetter is the letter that stands for a flag.
type flagLetter struct {
	letter byte
	flag   uint64
}

// The letters of rights and of inheritance, in the order of ls -V.
var (
	aceRights = []flagLetter{{'r', 1}, {'w', 2}, {'x', 0x20}, {'p', 4}, {'d', 0x10000}, {'D', 0x40}, {'a', 0x80}, {'A', 0x100}, {'R', 8}, {'W', 0x10},
		{'c', 0x20000}, {'C', 0x40000}, {'o', 0x80000}, {'s', 0x100000}}
	aceInherit = []flagLetter{{'f', 1}, {'d', 2}, {'i', 8}, {'n', 4}, {'S', 0x10}, {'F', 0x20}, {'I', 0x80}}
)

func letters(flags uint64, list []flagLetter) string {
	b := make([]byte, 0, len(list))
	for _, f := range list {
		l := byte('-')
		if flags&f.flag != 0 {
			l = f.letter
		}
		b = append(b, l)
	}
	return string(b)
}

// aclLayout is how the release lays out zfs_acl_t.
type aclLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Version kernel.Field `ctf:"z_version"`
	Nodes   kernel.Field `ctf:"z_acl"`
}

type aclNodeLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Data  kernel.Field `ctf:"z_acldata"`
	Bytes kernel.Field `ctf:"z_size"`
	Count kernel.Field `ctf:"z_ace_count"`
}

func runAces(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, "zfs_acl_t", c.Addr, func(l *aclLayout) uint64 { return l.Size })
	if err != nil {
		return kernel.Failed(err, "failed to read zfs_acl_t at %x", c.Addr)
	}
	version := aceOld
	if l.Version.Of(b) == 1 {
		version = aceFUID
	}
	for node, err := range v.List("zfs_acl_node_t", c.Addr+l.Nodes.Off) {
		if err == nil {
			err = eachAce(v, version, node, func(a *ace) bool {
				a.show(c)
				return c.Err() == nil
			})
		}
		switch {
		case c.Err() != nil:
			return core.ErrIntr
		case err != nil:
			return fmt.Errorf("can't walk ACL: %w", err)
		}
	}
	return nil
}

// maxAces bounds the entries of a node: files may have 1024 (MAX_ACL_ENTRIES).
const maxAces = 1 << 16

// eachAce calls yield for the entries of a zfs_acl_node_t. They may not be more than its
// bytes have room for.
func eachAce(v *kernel.View, version *aceVersion, node uint64, yield func(*ace) bool) error {
	l, b, err := read(v, "zfs_acl_node_t", node, func(l *aclNodeLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	f, err := newAceForm(v, version)
	if err != nil {
		return err
	}
	at := l.Data.Of(b)
	if err := f.each(at, at+l.Bytes.Of(b), l.Count.Of(b), memory(v), yield); err != nil {
		return fmt.Errorf("zfs_acl_node_t %x: %w", node, err)
	}
	return nil
}

func walkACLNodes(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return elems(c, "zfs_acl_node_t", func(v *kernel.View, yield func(uint64) bool) error {
		l, err := kernel.Lay[aclLayout](v, "zfs_acl_t")
		if err != nil {
			return err
		}
		for a, err := range v.List("zfs_acl_node_t", uint64(at)+l.Nodes.Off) {
			if err != nil || !yield(a) {
				return err
			}
		}
		return nil
	})
}

func walkNodeAces(version *aceVersion) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		return elems(c, version.typ, func(v *kernel.View, yield func(uint64) bool) error {
			return eachAce(v, version, uint64(at), func(a *ace) bool { return yield(a.addr) })
		})
	}
}
