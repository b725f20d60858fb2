package gdbstub

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/control"
)

// A halt is what a stop reply says (gdb manual, "Stop Reply Packets").
type halt struct {
	signal int
	thread string // as the stub names it; "" if it does not say
	watch  string // "watch", "rwatch", "awatch"
	addr   uint64 // of the data
	brk    bool   // the stub says that it is a breakpoint
	gone   bool   // the machine has ended
}

// parseStop reads a stop reply.
func parseStop(p []byte) (h halt, err error) {
	if !isStop(p) {
		return h, fmt.Errorf("%w: %.40q is no stop", ErrNonsense, p)
	}
	n, err := strconv.ParseUint(string(p[1:3]), 16, 8)
	if err != nil {
		return h, fmt.Errorf("%w: %.40q is no stop", ErrNonsense, p)
	}
	if p[0] == 'W' || p[0] == 'X' {
		return halt{gone: true}, nil
	}
	h.signal = int(n)
	if p[0] == 'S' {
		return h, nil
	}
	for _, pair := range strings.Split(string(p[3:]), ";") {
		k, v, ok := strings.Cut(pair, ":")
		if !ok {
			continue
		}
		switch k {
		case "thread":
			h.thread = v
		case "swbreak", "hwbreak":
			h.brk = true
		case "watch", "rwatch", "awatch":
			if h.addr, err = strconv.ParseUint(v, 16, 64); err != nil {
				return h, fmt.Errorf("%w: watchpoint at %.40q", ErrNonsense, v)
			}
			h.watch = k
		}
	}
	return h, nil
}

// access is the way of use that a stop tells of.
func (h *halt) access() control.Access {
	switch h.watch {
	case "watch":
		return control.Write
	case "rwatch":
		return control.Read
	}
	return control.Read | control.Write
}
