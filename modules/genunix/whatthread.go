package genunix

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// stateOnproc is TS_ONPROC.
const stateOnproc = 4

// runWhatthread finds the threads whose stacks hold a pointer.
func runWhatthread(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := viewOf(c)
	typ, _ := v.typ("kthread_t")
	for a, err := range v.allThreads() {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		t, err := v.thread(a)
		if err != nil {
			return badRead("thread", a, err)
		}
		if t.StkBase == 0 {
			continue
		}
		if t.SchedFlag&schedLoaded == 0 {
			c.Warnf("thread %p's stack swapped out\n", a)
			continue
		}
		places, err := v.onStack(t, c.Addr, c.Opt('v'))
		if err != nil {
			return c.Warn(err, "couldn't read thread %p's stack at %p", a, t.StkBase)
		}
		if !c.Opt('v') {
			if len(places) > 0 {
				c.Emit(a, typ)
			}
			continue
		}
		for _, at := range places {
			active := v.stackActive(t, at)
			c.Record(func() { c.Printf("%p in thread %p's stack%s\n", at, a, active) },
				out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "thread", Value: out.Addr(a)},
				out.Field{Name: "note", Value: active})
		}
	}
	return nil
}

// onStack finds the places on a thread's stack that hold a word; only the first unless
// all are wanted.
func (v *view) onStack(t *kthread, word uint64, all bool) ([]uint64, error) {
	if t.Stk <= t.StkBase || t.Stk-t.StkBase > maxStackSize {
		return nil, nil
	}
	b := make([]byte, (t.Stk-t.StkBase)&^7)
	if err := mem.ReadFull(v.w.Space, b, mem.Addr(t.StkBase)); err != nil {
		return nil, err
	}
	var list []uint64
	for i := 0; i < len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) == word {
			if list = append(list, t.StkBase+uint64(i)); !all {
				break
			}
		}
	}
	return list, nil
}

// stackActive says whether a place on a thread's stack is in use.
func (v *view) stackActive(t *kthread, at uint64) string {
	if t.State == stateFree {
		return " (inactive interrupt thread)"
	}
	if m, err := v.symbol("", "panic_stack"); err == nil && t.SP-m.Value < m.Size {
		return "" // t_sp no longer is about the thread's own stack
	}
	switch {
	case at >= t.SP:
		return ""
	case t.State == stateOnproc:
		return " (possibly below sp)"
	}
	return " (below sp)"
}
