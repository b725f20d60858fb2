package linux

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func structureDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "container_of", Usage: ":type member", Descr: "object of which the address is a member",
		Help: `Gives the address of the object of a type in which the member lies at the address: what
the nodes of lists and trees are parts of.

    init_task::print -a struct task_struct tasks | ::walk list |
        ::container_of struct task_struct tasks | ::print struct task_struct comm
`,
		Run: runContainerOf,
	}}
}

func runContainerOf(c *core.Ctx) error {
	if len(c.Args) < 2 {
		return core.ErrUsage
	}
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		if a.IsImm {
			return core.ErrUsage
		}
		words[i] = a.Str
	}
	typ, member := strings.Join(words[:len(words)-1], " "), words[len(words)-1]
	v := kernel.Of(c.Session)
	t, err := v.Type(typ)
	if err != nil {
		return err
	}
	f, err := v.Member(typ, member)
	if err != nil {
		return fmt.Errorf("couldn't find member %s of type %s", member, typ)
	}
	at := c.Addr - f.Off
	if c.PipeOut {
		c.Emit(at, t)
		return nil
	}
	c.Record(func() { c.Printf("%p\n", at) }, out.Field{Name: "addr", Value: out.Addr(at)})
	return nil
}
