package dcmds

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
)

// Help has a line for every option, whether or not the text tells of some itself.
func TestDescription(t *testing.T) {
	got := Description(&core.Dcmd{
		Help: "Lists pools.\n\n  -v        with devices\n",
		Opts: []core.Opt{{Letter: 'v', Help: "not said again"}, {Letter: 'n', Arg: "count", Help: "so many"}},
		Table: &core.Table{Cols: []core.Field{
			{Name: "addr"}, {Name: "state"},
		}},
	})
	want := "Lists pools.\n\n  -v        with devices\n\n-n count  so many\n\nFields: addr state\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = Description(&core.Dcmd{Table: &core.Table{Cols: []core.Field{{Name: "addr"}, {Name: "age", Descr: "in ms"}}}})
	want = "Fields:\n  addr\n  age           in ms\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
