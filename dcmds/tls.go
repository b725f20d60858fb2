package dcmds

import (
	"debug/elf"

	"github.com/xmdb/xmdb/core"
)

// tlsDcmds find thread-local storage.
func tlsDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "tls", Usage: ":symbol", Descr: "lookup TLS data in the context of a given thread", Run: runTLS},
	}
}

// runTLS prints where the given thread has its copy of a thread-local symbol;
// without a symbol, where the program's block begins.
func runTLS(c *core.Ctx) error {
	if !c.HasAddr || len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	cx := c.Session.Context()
	t, ok := core.As[core.ThreadLocal](cx)
	if len(c.Args) == 0 {
		err := error(core.ErrNoProc)
		var base uint64
		if ok {
			base, err = t.TLSBase(c.Addr, nil)
		}
		if err != nil {
			return c.Warn(err, "failed to lookup tlsbase for %r", c.Addr)
		}
		return emitTLS(c, base)
	}
	m, err := c.Session.Namespace().LookupName("", c.Args[0].Str)
	v := m.Value
	if err == nil && m.Type() == elf.STT_TLS {
		err = core.ErrNoProc
		if ok {
			var base uint64
			base, err = t.TLSBase(c.Addr, m.Object)
			v += base
		}
	}
	if err != nil {
		return c.Warn(err, "failed to lookup %s", c.Args[0].Str)
	}
	if m.Type() != elf.STT_TLS && c.Header() {
		c.Warnf("%s does not refer to thread local storage", c.Args[0].Str)
	}
	return emitTLS(c, v)
}

func emitTLS(c *core.Ctx, v uint64) error {
	if c.PipeOut {
		c.Emit(v, nil)
	} else {
		c.Printf("%llr\n", v)
	}
	c.SetDot(v)
	return nil
}
