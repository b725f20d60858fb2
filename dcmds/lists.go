package dcmds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
)

// listDcmds take the whole list that comes through a pipe.
func listDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{
			Name: "head", Usage: "-num|-n num", Descr: "limit number of elements in pipe", AnyAddr: true,
			Help: "-n num\n or\n-num   pass only the first `num' elements in the pipe.\n\nNote: `num' is a decimal number.\n",
			Run:  func(c *core.Ctx) error { return runEnds(c, func(l []elem, n int) []elem { return l[:n] }) },
		},
		{
			Name: "tail", Usage: "-num|-n num", Descr: "pass on the last elements in pipe", AnyAddr: true,
			Help: "-n num\n or\n-num   pass only the last `num' elements in the pipe.\n\nNote: `num' is a decimal number.\n",
			Run:  func(c *core.Ctx) error { return runEnds(c, func(l []elem, n int) []elem { return l[len(l)-n:] }) },
		},
		{
			Name: "count", Usage: "", Descr: "count the elements in pipe", AnyAddr: true,
			Help: "Prints the number of elements, in decimal.\n",
			Run:  runCount,
		},
		{
			Name: "sum", Usage: "?[-c] [expr]", Descr: "add up the elements in pipe, or an expression of each",
			Opts: []core.Opt{{Letter: 'c', Help: "print their number, too"}},
			Help: "Adds up the elements, or the values of an expression in which dot is the\nelement, modulo 2^64.\n\n-c    print their number before the sum, in decimal\n",
			Run:  runSum,
		},
		{
			Name: "sort", Usage: "?[-r] [expr]", Descr: "sort the elements in pipe",
			Opts: []core.Opt{{Letter: 'r', Help: "the greatest first"}},
			Help: "Sorts as unsigned numbers, by the element itself or by the value of an\nexpression in which dot is the element. Equal ones keep their order.\n\n-r    the greatest first\n",
			Run:  runSort,
		},
		{
			Name: "uniq", Usage: "", Descr: "drop repeated elements in pipe", AnyAddr: true,
			Help: "Drops an element that is equal to the one before it.\n",
			Run:  runUniq,
		},
	}
}

// elem is an element of a list with its type.
type elem struct {
	val uint64
	typ *ctype.Type
}

// input takes the rest of the pipe.
func input(c *core.Ctx) []elem {
	st := c.Stage
	if st.In == nil {
		return nil
	}
	at := st.Pos
	vals := c.Input()
	list := make([]elem, len(vals))
	for i, v := range vals {
		list[i] = elem{v, st.In.TypeAt(at + i)}
	}
	return list
}

// output passes a list on, or prints it: in hexadecimal, whatever the radix, as
// MDB's ::head does.
func output(c *core.Ctx, list []elem) {
	for _, e := range list {
		if c.PipeOut {
			c.Emit(e.val, e.typ)
		} else {
			c.Record(func() { c.Printf("%lx\n", e.val) }, namedField("value", out.Hex(e.val)))
		}
	}
}

// headCount reads the -num or -n num of ::head: decimal; 10 without arguments.
func headCount(args []core.Arg) (uint64, error) {
	var text string
	switch {
	case len(args) == 0:
		return 10, nil
	case args[0].IsImm:
		return 0, core.ErrUsage
	case len(args) == 1 && strings.HasPrefix(args[0].Str, "-"):
		text = args[0].Str[1:]
	case len(args) == 2 && args[0].Str == "-n" && !args[1].IsImm:
		text = args[1].Str
	default:
		return 0, core.ErrUsage
	}
	var n uint64
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, core.ErrUsage
		}
		n = n*10 + uint64(d-'0')
	}
	return n, nil
}

func runEnds(c *core.Ctx, cut func(l []elem, n int) []elem) error {
	n, err := headCount(c.Stage.RawArgs)
	if err != nil {
		return err
	}
	list := input(c)
	output(c, cut(list, int(min(n, uint64(len(list))))))
	return nil
}

func runCount(c *core.Ctx) error {
	if len(c.Args) != 0 || !c.PipeIn {
		return core.ErrUsage
	}
	n := len(c.Input())
	if c.PipeOut {
		c.Emit(uint64(n), nil)
	} else {
		c.Record(func() { c.Printf("%d\n", n) }, namedField("count", n))
	}
	return nil
}

// key gives the value of the optional expression for each element.
func key(c *core.Ctx, list []elem) ([]uint64, error) {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return nil, core.ErrUsage
	}
	keys := make([]uint64, len(list))
	for i, e := range list {
		keys[i] = e.val
		if len(c.Args) == 0 {
			continue
		}
		if c.Err() != nil {
			return nil, core.ErrIntr
		}
		c.SetDot(e.val)
		v, err := c.Session.Eval.Expr(c.Session, c.Args[0].Str)
		if err != nil {
			return nil, fmt.Errorf("failed to evaluate \"%s\": %w", c.Args[0].Str, err)
		}
		keys[i] = v
	}
	return keys, nil
}

func runSum(c *core.Ctx) error {
	var sum uint64
	var n int
	if c.PipeIn && len(c.Args) == 0 { // of a million elements, no copy
		vals := c.Input()
		for _, v := range vals {
			sum += v
		}
		n = len(vals)
	} else {
		list := input(c)
		if !c.PipeIn && c.HasAddr {
			list = []elem{{c.Addr, nil}}
		}
		keys, err := key(c, list)
		if err != nil {
			return err
		}
		for _, k := range keys {
			sum += k
		}
		n = len(keys)
	}
	if c.PipeOut {
		c.Emit(sum, nil)
		return nil
	}
	fields := []out.Field{namedField("sum", out.Hex(sum))}
	if c.Opt('c') {
		fields = append([]out.Field{namedField("count", n)}, fields...)
	}
	c.Record(func() {
		if c.Opt('c') {
			c.Printf("%d ", n)
		}
		c.Printf("%llr\n", sum)
	}, fields...)
	return nil
}

func runSort(c *core.Ctx) error {
	list := input(c)
	keys, err := key(c, list)
	if err != nil {
		return err
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := keys[a], keys[b]; {
		case x == y:
			return 0
		case (x < y) != c.Opt('r'):
			return -1
		}
		return 1
	})
	sorted := make([]elem, len(list))
	for i, from := range order {
		sorted[i] = list[from]
	}
	output(c, sorted)
	return nil
}

func runUniq(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	output(c, slices.CompactFunc(input(c), func(a, b elem) bool { return a.val == b.val }))
	return nil
}
