package zfs

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func dbufDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "dbuf", Usage: ":", Descr: "print dmu_buf_impl_t", Type: "dmu_buf_impl_t", Table: dbufTable, Run: noArgs(runDbuf),
			Help: "Prints of which block of which object a buffer is, how many hold it, and the data set.\nmdn is the object that has the others' dnodes, bonus an object's bonus buffer, mos the\npool's own object set.\n"},
		{Name: "dbuf_stats", MDBUsage: ":", AnyAddr: true, Descr: "dbuf stats", Run: noArgs(runDbufStats),
			Help: "Counts the chains of the hash table of dbufs by their lengths, and the dbufs by how far\ndown their chains they are. Bonus buffers are not in the table.\n"},
		{Name: "dbufs", Usage: "\t[-O objset_t*] [-n objset_name | \"mos\"] [-o object | \"mdn\"] \n\t[-l level] [-b blkid | \"bonus\"]", AnyAddr: true,
			Descr: "find dmu_buf_impl_t's that match specified criteria", Type: "dmu_buf_impl_t", Run: noArgs(runDbufs),
			Help: "Gives the dbufs that are all that the options ask for: those of an object set by its\naddress or its name, of an object, on a level, of a block.\n",
			Opts: []core.Opt{{Letter: 'O', Kind: core.Uint, Arg: "objset", Help: "of the object set at the address"},
				{Letter: 'n', Kind: core.Str, Arg: "name", Help: "of the data set of the name; mos is the pools' own"},
				{Letter: 'o', Kind: core.Str, Arg: "object", Help: "of the object of the number; mdn is that of the dnodes"},
				{Letter: 'l', Kind: core.Uint, Arg: "level", Help: "on the level"},
				{Letter: 'b', Kind: core.Str, Arg: "blkid", Help: "of the block of the number; bonus is the bonus buffer"}}},
	}
}

var dbufTable = &core.Table{
	Head: "%?s %8s %3s %9s %5s %s\n", Line: "%?p %8s %3u %9s %5llu %s\n", Type: "dmu_buf_impl_t",
	Cols: []core.Field{{Name: "addr", Head: "addr"}, {Name: "object", Head: "object"}, {Name: "level", Head: "lvl"}, {Name: "blkid", Head: "blkid"},
		{Name: "holds", Head: "holds"}, {Name: "objset", Head: "os"}},
}

// Numbers that stand for something else (sys/dmu.h).
const (
	metaDnode = 0           // DMU_META_DNODE_OBJECT
	bonusID   = ^uint64(0)  // DMU_BONUS_BLKID
	spillID   = bonusID - 1 // DMU_SPILL_BLKID
)

// dbufLayout is how the release lays out dmu_buf_impl_t.
type dbufLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Object kernel.Field `ctf:"db.db_object"`
	Bytes  kernel.Field `ctf:"db.db_size"`
	Data   kernel.Field `ctf:"db.db_data"`
	Objset kernel.Field `ctf:"db_objset"`
	Next   kernel.Field `ctf:"db_hash_next"`
	Level  kernel.Field `ctf:"db_level"`
	Blkid  kernel.Field `ctf:"db_blkid"`
	Holds  kernel.Field `ctf:"db_holds.rc_count"`
	State  kernel.Field `ctf:"db_state,optional"`
	User   kernel.Field `ctf:"db_user|db_user_ptr,optional"`
}

func objectName(n uint64) string {
	if n == metaDnode {
		return "mdn"
	}
	return fmt.Sprintf("%x", n)
}

func blockName(n uint64) string {
	if n == bonusID {
		return "bonus"
	}
	return fmt.Sprintf("%x", n)
}

func runDbuf(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, "dmu_buf_impl_t", c.Addr, func(l *dbufLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	n, _ := c.State.(*names) // of one dbuf after the other out of a pipe
	if n == nil {
		n = newNames(v)
		c.State = n
	}
	name, err := n.objset(l.Objset.Of(b))
	if err != nil {
		return err
	}
	c.Row(out.Hex(c.Addr), objectName(l.Object.Of(b)), l.Level.Of(b), blockName(l.Blkid.Of(b)), l.Holds.Of(b), name)
	return nil
}

// dbufFilter is what ::dbufs looks for.
type dbufFilter struct {
	objset, object, level, blkid *uint64
	name                         string
	named                        bool

	l        *dbufLayout
	names    *names
	matching map[uint64]bool // of object sets: whether they have the name
}

// number is what an option asks for: a number or the word for one.
func number(c *core.Ctx, letter byte, word string, means uint64) (*uint64, error) {
	s, set := c.OptStr(letter)
	if !set {
		return nil, nil
	}
	if s == word {
		return &means, nil
	}
	n, err := c.Strtoull(s)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func newDbufFilter(c *core.Ctx, v *kernel.View) (*dbufFilter, error) {
	f := &dbufFilter{names: newNames(v), matching: map[uint64]bool{}}
	var err error
	if f.l, err = kernel.Lay[dbufLayout](v, "dmu_buf_impl_t"); err != nil {
		return nil, err
	}
	if f.object, err = number(c, 'o', "mdn", metaDnode); err != nil {
		return nil, err
	}
	if f.blkid, err = number(c, 'b', "bonus", bonusID); err != nil {
		return nil, err
	}
	if n, set := c.OptUint('O'); set {
		f.objset = &n
	}
	if n, set := c.OptUint('l'); set {
		f.level = &n
	}
	f.name, f.named = c.OptStr('n')
	return f, nil
}

// matches tells whether a dbuf is what is looked for; its data set's name, which costs
// most, comes last.
func (f *dbufFilter) matches(c *core.Ctx, b []byte) bool {
	is := func(want *uint64, f kernel.Field) bool { return want == nil || *want == f.Of(b) }
	if !is(f.blkid, f.l.Blkid) || !is(f.object, f.l.Object) || !is(f.level, f.l.Level) || !is(f.objset, f.l.Objset) {
		return false
	}
	return !f.named || f.hasName(c, f.l.Objset.Of(b))
}

// hasName tells whether an object set has the name. One whose name cannot be read has
// not, which is said once.
func (f *dbufFilter) hasName(c *core.Ctx, objset uint64) bool {
	yes, known := f.matching[objset]
	if known {
		return yes
	}
	name, err := f.names.objset(objset)
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	yes = err == nil && name == f.name
	f.matching[objset] = yes
	return yes
}

func runDbufs(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	f, err := newDbufFilter(c, v)
	if err != nil {
		return err
	}
	typ := v.TypeOrNil("dmu_buf_impl_t")
	size := f.l.span()
	var found []uint64
	var buf []byte
	err = dbufs(c, v, func(addr uint64) error {
		b, err := v.Bytes(addr, size, buf)
		if err != nil {
			return kernel.BadRead("dmu_buf_impl_t", addr, err)
		}
		if f.matches(c, b) {
			if !c.PipeOut {
				c.Emit(addr, typ)
				return nil
			}
			found = append(found, addr)
		}
		return nil
	})
	c.EmitList(found, typ)
	if err != nil {
		return fmt.Errorf("can't walk dbufs: %w", err)
	}
	return nil
}

// span is how much of a dbuf has what filters look at.
func (l *dbufLayout) span() uint64 {
	n := uint64(0)
	for _, f := range []kernel.Field{l.Object, l.Objset, l.Level, l.Blkid} {
		n = max(n, f.Off+f.Size)
	}
	return n
}

// dbufs goes through all dbufs: those allocated of their kmem cache or, in a kernel
// that has no such walker, those of the hash table and the bonus buffers, which are
// not in it.
func dbufs(c *core.Ctx, v *kernel.View, f func(addr uint64) error) error {
	if len(c.Reg.Walkers("dmu_buf_impl_t")) == 0 {
		return tableDbufs(c, v, f)
	}
	n := 0
	for e, err := range walkOf(c, "dmu_buf_impl_t", 0) {
		if err != nil {
			return err
		}
		if n++; n%1024 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		if err := f(e.Val); err != nil {
			return err
		}
	}
	return nil
}
