package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
)

// debugTokens are MDB's names for parts of itself to debug, in the order of their
// bits. xmdb keeps the mask and acts on none of them.
var debugTokens = []struct {
	name, descr string
	bits        uint32
}{
	{"cmdbuf", "debug command editing buffer", 1 << 0},
	{"help", "display this listing", 0},
	{"module", "debug module processing", 1 << 2},
	{"dcmd", "debug dcmd processing", 1 << 3},
	{"elf", "debug ELF file processing", 1 << 4},
	{"mach", "debug machine-dependent code", 1 << 5},
	{"shell", "debug shell escapes", 1 << 6},
	{"kmod", "debug kernel module processing", 1 << 7},
	{"walk", "debug walk callback processing", 1 << 8},
	{"umem", "debug memory management", 1 << 9},
	{"dstk", "debug execution stack", 1 << 10},
	{"tgt", "debug target backends", 1 << 11},
	{"psvc", "debug proc_service clients", 1 << 12},
	{"proc", "debug libproc internals", 1 << 13},
	{"ctf", "debug libctf internals", 1 << 14},
	{"dpi", "debugger/PROM interface (kmdb only)", 1 << 15},
	{"kdi", "kernel/debugger interface (kmdb only)", 1 << 16},
	{"callb", "debug callback invocations", 1 << 17},
	{"all", "set all debug modes", 1<<18 - 1&^2},
	{"none", "unset all debug modes", 0},
}

// debugMask is the key under which a session keeps its mask.
type debugMask struct{}

func debugDcmds() []*core.Dcmd {
	return []*core.Dcmd{{Name: "$D", Usage: "?[mode,...]", Run: runDebugMode}}
}

func debugMode(s *core.Session) *uint32 {
	return core.Keep(s, debugMask{}, func() *uint32 { return new(uint32) })
}

// SetDebug sets the mask that a comma list of names describes; help and unknown
// names leave it as it is.
func SetDebug(s *core.Session, list string) {
	var bits uint32
	for _, name := range strings.Split(list, ",") {
		if name == "help" {
			s.Notef("Debugging tokens:")
			for _, t := range debugTokens {
				s.Notef("   %s: %s", t.name, t.descr)
			}
			return
		}
		known := false
		for _, t := range debugTokens {
			if t.name == name {
				known = true
				bits |= t.bits
				if name == "none" {
					bits = 0
				}
			}
		}
		if !known {
			s.Warnf("unknown debug option \"%s\"", name)
			return
		}
	}
	*debugMode(s) = bits
}

func runDebugMode(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && (c.HasAddr || c.Args[0].IsImm) {
		return core.ErrUsage
	}
	switch {
	case len(c.Args) == 1:
		SetDebug(c.Session, c.Args[0].Str)
	case c.HasAddr:
		*debugMode(c.Session) = uint32(c.Addr)
	}
	c.Printf("debugging mode = 0x%04x\n", *debugMode(c.Session))
	return nil
}
