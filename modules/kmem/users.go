package kmem

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// From so many bytes or so many allocations on an owner is listed.
const (
	usersBytes = 8192
	usersCount = 100
)

// owner is who allocated: a stack and a size.
type owner struct {
	size, total uint64
	num         int
	stack       []uint64
}

// owners are sums of allocations by owner.
type owners struct {
	by   map[string]*owner
	list []*owner
}

func (o *owners) add(size uint64, stack []uint64) {
	key := binary.LittleEndian.AppendUint64(nil, size)
	for _, pc := range stack {
		key = binary.LittleEndian.AppendUint64(key, pc)
	}
	w := o.by[string(key)]
	if w == nil {
		w = &owner{size: size, stack: stack}
		o.by[string(key)] = w
		o.list = append(o.list, w)
	}
	w.num++
	w.total += size
}

func runKmausers(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	chosen, err := chosenCaches(c, v)
	if err != nil {
		return err
	}
	all := owners{by: map[string]*owner{}}
	audited := 0
	for _, k := range chosen {
		if k.flags&kmfAudit == 0 {
			if len(c.Args) > 0 {
				c.Warnf("KMF_AUDIT is not enabled for %s", k.Name)
			}
			continue
		}
		audited++
		err := k.buffers(c, v, kind{bufctl: true}, func(_, ctl uint64) bool {
			addUser(c, v, k, ctl, &all)
			return c.Err() == nil
		})
		c.Fail(err)
	}
	if c.Err() != nil {
		return core.ErrIntr
	}
	if audited == 0 && len(c.Args) == 0 {
		return errNoAudit
	}
	sort.SliceStable(all.list, func(i, j int) bool { return all.list[i].total > all.list[j].total })
	for _, w := range all.list {
		if w.total >= usersBytes || w.num >= usersCount || c.Opt('e') {
			showOwner(c, w)
		}
	}
	return nil
}

// chosenCaches are the caches named in the arguments, else all.
func chosenCaches(c *core.Ctx, v *kernel.View) ([]*Cache, error) {
	byName := map[string]*Cache{}
	var all, chosen []*Cache
	for k, err := range caches(v) {
		if err != nil {
			return nil, err
		}
		if byName[k.Name] == nil {
			byName[k.Name] = k
		}
		all = append(all, k)
	}
	if len(c.Args) == 0 {
		return all, nil
	}
	for _, a := range c.Args {
		if a.IsImm || a.Str == "" || a.Str[0] == '-' {
			return nil, core.ErrUsage
		}
		k := byName[a.Str]
		if k == nil {
			return nil, fmt.Errorf("unknown kmem cache: %s", a.Str)
		}
		chosen = append(chosen, k)
	}
	return chosen, nil
}

// addUser counts an allocated buffer; with -f or an address it is printed, too.
func addUser(c *core.Ctx, v *kernel.View, k *Cache, ctl uint64, all *owners) {
	r, err := readRecord(v, ctl)
	if err != nil {
		c.Fail(err)
		return
	}
	if c.HasAddr && c.Addr-r.buf >= k.BufSize {
		return
	}
	if c.HasAddr || c.Opt('f') {
		c.Record(func() {
			c.Printf("size %d, addr %p, thread %p, cache %s\n", k.BufSize, r.addr, r.thread, k.Name)
			printCallers(c, r.stack)
		}, out.Field{Name: "size", Value: k.BufSize}, out.Field{Name: "bufctl", Value: out.Hex(r.addr)},
			out.Field{Name: "thread", Value: out.Hex(r.thread)}, out.Field{Name: "cache", Value: k.Name},
			out.Field{Name: "stack", Value: stackList(c, r.stack)})
	}
	all.add(k.BufSize, r.stack)
}

func printCallers(c *core.Ctx, stack []uint64) {
	for _, pc := range stack {
		c.Printf("\t %a\n", pc)
	}
}

func showOwner(c *core.Ctx, w *owner) {
	c.Record(func() {
		c.Printf("%lu bytes for %u allocations with data size %lu:\n", w.total, w.num, w.size)
		printCallers(c, w.stack)
	}, out.Field{Name: "bytes", Value: w.total}, out.Field{Name: "allocations", Value: w.num}, out.Field{Name: "size", Value: w.size},
		out.Field{Name: "stack", Value: stackList(c, w.stack)})
}
