package genunix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func TestFlowTrace(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		dblk := func(i int) uint64 { return sys.At("struct msgb", sys.Devices.Log[i]).Get("b_datap") }
		first := sys.At("struct fthdr", sys.At("struct datab", dblk(0)).Get("db_fthdr")).Member("first")
		second := sys.At("struct ftblk", first.Get("nxt"))
		events := []string{"allocb", "put", "putq|C", "getq|CP", "putnext", "put|W", "0x101", "undefined", "dupb", "undefined", "copyb|C"}
		walk, want := "", fmt.Sprintf("%16s %-18s %-9s %-18s %4s %s\n", "ADDR", "Q/CALLER", "QNEXT", "STACK", "DATA", "EVENT")
		for i, e := range illumos.FlowTrace {
			block, n := first, i
			if i >= 9 {
				block, n = second, i-9
			}
			at := block.Ref(fmt.Sprintf("ev[%d]", n))
			walk += fmt.Sprintf("%#x\n", at)
			next, stack, data := "--", "--", 0x10
			if e.To != "" {
				next = e.To
			}
			if len(e.Stack) > 0 {
				stack = e.Stack[0]
			}
			if e.Event&0x1f00 == 0 {
				data = 0
			}
			want += fmt.Sprintf("%016x %-18s %-9s %-18s %4x %s\n", at, e.By, next, stack, data, events[i])
			for _, fn := range e.Stack[min(1, len(e.Stack)):] {
				want += fmt.Sprintf("%16s %-18s %-9s %-18s\n", "", "", "", fn)
			}
		}
		s.Run(fmt.Sprintf("%x::walk strftblk", dblk(0))).OK().Want(walk)
		s.Run(fmt.Sprintf("%x::walk strftblk | ::strftevent", dblk(0))).OK().Want(want)
		s.Run(fmt.Sprintf("%x::walk strftblk", dblk(1))).OK().Want("")
		if r := s.Run("::strftevent"); r.Status == nil {
			t.Error("::strftevent without address: no error")
		}
	})
}

func TestMblkVerify(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Run("::mblk_verify").OK().Want("")
		if r := s.Run(fmt.Sprintf("%x::mblk_verify", sys.Procs[1].Addr.Addr)); r.Status == nil || !strings.Contains(r.Err, fmt.Sprintf("%x", sys.Procs[1].Addr.Addr)) {
			t.Errorf("a process passes for a message: %v, %q", r.Status, r.Err)
		}
	})
	sys := illumos.SystemOf(t, "corrupt")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "corrupt"), Module())
	r := s.Run("::mblk_verify")
	if want := fmt.Sprintf("%16x: b_rptr out of range\n", sys.Devices.Log[2]); r.Out != want || r.Status == nil {
		t.Errorf("::mblk_verify: %v, %q, want %q", r.Status, r.Out, want)
	}
}
