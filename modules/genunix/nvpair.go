package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// nvDcmds are the commands of lists of names and values.
func nvDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "nvlist", Usage: ":[-v]", Descr: "print out a nvlist", Type: "nvlist_t", Run: noArgs(needAddr(func(c *core.Ctx) error {
			s := kernel.NVPrinter{C: c, Recurse: true, Quiet: !c.Opt('v')}
			return s.List(c.Addr)
		})), Opts: []core.Opt{{Letter: 'v', Help: "with the types and numbers of items"}}},
		{Name: "nvpair", Usage: ":[-rq]", Descr: "print out an nvpair", Type: "nvpair_t", Run: noArgs(needAddr(func(c *core.Ctx) error {
			s := kernel.NVPrinter{C: c, Recurse: c.Opt('r'), Quiet: c.Opt('q')}
			return s.Pair(c.Addr)
		})), Opts: []core.Opt{{Letter: 'r', Help: "with the pairs of embedded lists"}, {Letter: 'q', Help: "only names and values"}}},
	}
}

// nvWalkers is their walker.
func nvWalkers() []*core.Walker {
	return []*core.Walker{{Name: "nvpair", Descr: "walk all of the nvpairs in a packed nvlist", Addr: core.AddrRequired, Type: "nvpair_t",
		Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("nvpair_t", kernel.Of(c.Session).NVPairs(uint64(at)))
		}}}
}
