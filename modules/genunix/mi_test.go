package genunix

import (
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func TestMI(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		dev, mod := sys.ICMP[0], sys.ICMP[1]
		head := dev.Get("mi_o_prev")
		data := fmt.Sprintf("%#x\n%#x\n", dev.Addr+dev.Size(), mod.Addr+mod.Size())
		s.Run(fmt.Sprintf("%x::walk mi", head)).OK().Want(data)
		s.Run("::walk icmp").OK().Want(data)
		heads := "MI_O             Next             Prev             IsDev Dev\n"
		s.Run(fmt.Sprintf("%x::mi", dev.Addr)).OK().Want(heads + fmt.Sprintf("%016x %016x %016x TRUE  %016x\n", dev.Addr, mod.Addr, head, 0x2d00000005))
		s.Run(fmt.Sprintf("%x::mi", mod.Addr)).OK().Want(heads + fmt.Sprintf("%016x %016x %016x FALSE %016x\n", mod.Addr, head, dev.Addr, 0))
		s.Run(fmt.Sprintf("%x::mi -d", mod.Addr)).OK().Want("")
		s.Run(fmt.Sprintf("%x::mi -m", mod.Addr)).OK().Want(fmt.Sprintf("%x\n", mod.Addr))
		s.Run(fmt.Sprintf("%x::mi -pd", dev.Addr)).OK().Want(fmt.Sprintf("%x\n", dev.Addr+dev.Size()))
		if r := s.Run(fmt.Sprintf("%x::mi -dm", dev.Addr)); r.Status == nil {
			t.Error("::mi -dm: no error")
		}
		if r := s.Run("::mi"); r.Status == nil {
			t.Error("::mi without address: no error")
		}
	})
}
