package libumem

import (
	"fmt"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// owner is one stack that allocated buffers of one size.
type owner struct {
	stack       []uint64
	size, total uint64
	count       int
}

// Thresholds below both of which ::umausers leaves an owner out.
const (
	usersBytes = 8192
	usersCount = 100
)

// runUsers is ::umausers. Options and names of caches come in any order.
func runUsers(c *core.Ctx) error {
	u, err := must(c)
	if err != nil {
		return err
	}
	bytes, count := uint64(usersBytes), usersCount
	full := false
	var names []string
	for _, a := range c.Args {
		switch {
		case a.IsImm:
			return core.ErrUsage
		case strings.HasPrefix(a.Str, "-") && strings.Trim(a.Str[1:], "ef") == "" && len(a.Str) > 1:
			full = full || strings.Contains(a.Str, "f")
			if strings.Contains(a.Str, "e") {
				bytes, count = 0, 0
			}
		case strings.HasPrefix(a.Str, "-"):
			return core.ErrUsage
		default:
			names = append(names, a.Str)
		}
	}
	list, err := u.cachesNamed(names)
	if err != nil {
		return err
	}
	owners := map[string]*owner{}
	var order []*owner
	audited := 0
	for _, k := range list {
		if !k.has(umfAudit) {
			if len(names) > 0 {
				c.Warnf("UMF_AUDIT is not enabled for %s", k.Name)
			}
			continue
		}
		audited++
		for b, err := range u.allocated(c, k) {
			if err != nil {
				c.Warnf("%s", err.Error())
				break
			}
			a, err := u.auditAt(b.bufctl)
			if err != nil {
				c.Warnf("unable to read bufctl at %p: %s", b.bufctl, core.Reason(err))
				continue
			}
			if full && !c.Opts.JSON {
				c.Printf("size %d, addr %p, thread %p, cache %s\n", k.BufSize, a.at, uint64(a.Thread), k.Name)
				printStackLines(c, a.stack)
			}
			key := fmt.Sprint(k.BufSize, a.stack)
			o := owners[key]
			if o == nil {
				o = &owner{stack: a.stack, size: k.BufSize}
				owners[key] = o
				order = append(order, o)
			}
			o.count++
			o.total += k.BufSize
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
	}
	if audited == 0 && len(names) == 0 {
		return fmt.Errorf("UMF_AUDIT is not enabled for any caches")
	}
	sort.SliceStable(order, func(i, j int) bool { return order[i].total > order[j].total })
	for _, o := range order {
		if o.total < bytes && o.count < count {
			continue
		}
		c.Record(func() {
			c.Printf("%lu bytes for %u allocations with data size %lu:\n", o.total, o.count, o.size)
			printStackLines(c, o.stack)
		}, out.Field{Name: "bytes", Value: o.total}, out.Field{Name: "count", Value: o.count}, out.Field{Name: "size", Value: o.size},
			out.Field{Name: "stack", Value: addrList(o.stack)})
	}
	return nil
}

func printStackLines(c *core.Ctx, stack []uint64) {
	for _, pc := range stack {
		c.Printf("\t %a\n", pc)
	}
}

// cachesNamed gives the caches of the names, in the order of the names; all without.
func (u *umem) cachesNamed(names []string) ([]*cache, error) {
	var all []*cache
	for k, err := range u.caches() {
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if len(names) == 0 {
		return all, nil
	}
	var list []*cache
	for _, n := range names {
		found := false
		for _, k := range all {
			if k.Name == n {
				list, found = append(list, k), true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("unknown umem cache: %s", n)
		}
	}
	return list, nil
}
