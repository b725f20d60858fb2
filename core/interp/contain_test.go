package interp_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
)

func TestContain(t *testing.T) {
	var out, errs bytes.Buffer
	s := core.NewSession("xmdb", &out, &errs)
	s.Contain = true
	s.Eval = interp.New(s)
	s.Load(&core.Module{Name: "bad", Dcmds: []*core.Dcmd{{Name: "bad", Run: func(c *core.Ctx) error {
		var none []int
		_ = none[c.Count]
		return nil
	}}}}, false)
	if err := s.Eval.Eval(context.Background(), s, "::bad"); err == nil {
		t.Error("a command with a fault succeeded")
	}
	if !strings.Contains(errs.String(), "xmdb: internal error in bad`bad: runtime error: index out of range") {
		t.Errorf("said %q", errs.String())
	}
}
