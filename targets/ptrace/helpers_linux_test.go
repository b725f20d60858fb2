package ptrace

import "github.com/xmdb/xmdb/core/mem"

func memAddr(a uint64) mem.Addr { return mem.Addr(a) }
