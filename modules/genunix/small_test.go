package genunix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func TestSmallOnes(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Run("1::flipone ! sed 3,63d").OK().Want("0\n3\n8000000000000001\n")
		s.Run("::walk dnlc | ::count").OK().WantLines(fmt.Sprint(len(sys.Scenario.Names)))
		s.Run("::walk thread | ::walk ctxop").OK().Want("")
		fmri := sys.Ctids[2].Addr.Get("conp_svc_fmri")
		s.Run(fmt.Sprintf("%x::refstr", fmri)).OK().Want(sys.Ctids[2].FMRI + "\n")
		if r := s.Run("::refstr"); r.Status == nil || !strings.HasSuffix(r.Err, ": address is required\n") {
			t.Errorf("::refstr without address: %v, %q", r.Status, r.Err)
		}
	})
}
