package zfs_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

const datasetHead = "ADDR             TYPE                 GUID           USED          REFER NAME\n"

// setRow is a row that the scenario's description makes.
type setRow struct {
	addr         uint64
	kind, guid   string
	used, refer  uint64
	name, detail string
	snapshot     bool
}

func (r setRow) text(exact, verbose bool) string {
	size := func(n uint64) string {
		if exact {
			return fmt.Sprint(n)
		}
		return out.NiceNum(n)
	}
	text := fmt.Sprintf("%016x %-4s %20s %14s %14s %s\n", r.addr, r.kind, r.guid, size(r.used), size(r.refer), r.name)
	if verbose {
		text += r.detail
	}
	return text
}

// setRows are the rows of a data set and of what is below it.
func setRows(t *illumos.BuiltDataset, origins map[string]string) []setRow {
	kind, guid := "-", fmt.Sprint(t.GUID)
	if t.Open || t.Root != "" && t.Root != "nowhere" {
		kind = "fs"
		if t.Volume {
			kind = "vol"
		}
	}
	from := "a dbuf"
	if t.Cold {
		from = "the ARC"
	}
	detail := fmt.Sprintf("object %d", t.Object)
	if t.Created != 0 {
		detail = "created " + date(t.Created) + ", " + detail
	}
	if t.Open {
		detail += fmt.Sprintf(", objset %x", t.Objset.Addr)
	}
	if t.Refer != 0 && t.Logical != 0 {
		detail += fmt.Sprintf(", ratio %.2fx", float64(t.Logical)/float64(t.Refer))
	}
	if t.Inconsistent {
		detail += ", inconsistent"
	}
	if t.Addr == 0 {
		detail += ", not held: read from " + from
	}
	if t.Dir.Addr != 0 {
		detail += fmt.Sprintf(", dsl_dir %x", t.Dir.Addr)
	} else {
		detail += fmt.Sprintf(", directory %d", t.Directory)
	}
	if t.Quota != 0 {
		detail += ", quota " + out.NiceNum(t.Quota)
	}
	if o := t.Dataset.Origin; o != "" {
		detail += ", origin " + origins[o]
	}
	rows := []setRow{{addr: t.Addr, kind: kind, guid: guid, used: t.Used, refer: t.Refer, name: t.Path, detail: "    " + detail + "\n"}}
	for _, s := range t.Snapshots {
		name := s.Name
		if !t.Listed && (s.Addr == 0 || s.Nameless) {
			name = fmt.Sprintf("#%d", s.Object)
		}
		detail := fmt.Sprintf("    created %s, object %d, ratio 1.00x", date(s.Created), s.Object)
		if s.Addr == 0 {
			detail += ", not held: read from a dbuf"
		}
		rows = append(rows, setRow{addr: s.Addr, kind: "snap", guid: fmt.Sprint(s.GUID), used: s.Unique, refer: s.Refer, name: t.Path + "@" + name, snapshot: true,
			detail: detail + "\n"})
	}
	children := slices.Clone(t.Children)
	slices.SortFunc(children, func(x, y *illumos.BuiltDataset) int { return strings.Compare(x.Path, y.Path) })
	for _, c := range children {
		rows = append(rows, setRows(c, origins)...)
	}
	return rows
}

func date(sec int64) string { return time.Unix(sec, 0).UTC().Format("2006 Jan _2 15:04:05") }

// allRows are the rows of a pool.
func allRows(p *illumos.BuiltPool) []setRow {
	origins := map[string]string{}
	for _, d := range p.Tree.All() {
		for _, s := range d.Snapshots {
			full := d.Path + "@" + s.Name
			origins[full] = full
			if !d.Listed && (s.Addr == 0 || s.Nameless) {
				origins[full] = fmt.Sprintf("%s@#%d", d.Path, s.Object)
			}
		}
	}
	return setRows(p.Tree, origins)
}

func TestDatasets(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		zones, backup := pool(sys, "zones"), pool(sys, "backup")
		table := func(list []setRow, opts string, only ...string) string {
			text := datasetHead
			for _, r := range list {
				in := len(only) == 0
				for _, o := range only {
					in = in || r.name == o || strings.HasPrefix(r.name, o+"/") || strings.HasPrefix(r.name, o+"@")
				}
				if in && (!r.snapshot || strings.Contains(opts, "s")) {
					text += r.text(strings.Contains(opts, "p"), strings.Contains(opts, "v"))
				}
			}
			return text
		}
		both := append(allRows(backup), allRows(zones)...)
		for _, opts := range []string{"", "-s", "-p", "-v", "-spv"} {
			if opts != "-spv" { // -p is of -v's quotas too
				s.Run("::zfs_datasets " + opts).OK().Want(table(both, opts))
			}
			s.Run(hexCmd(backup.Addr, "::zfs_datasets "+opts)).OK().Want(table(allRows(backup), opts))
		}
		s.Run("::zfs_datasets -s zones/db1 zones/cores").OK().Want(table(both, "-s", "zones/db1", "zones/cores"))
		s.Run("::zfs_datasets -s zones/db1@mon").OK().Want(table(both, "-s", "zones/db1@mon"))
		s.Run(hexCmd(zones.Tree.Find("zones/db1").Objset.Addr, "::zfs_datasets -s")).OK().Want(table(both, "-s", "zones/db1"))
		s.Run(hexCmd(zones.MOS.Addr, "::zfs_datasets")).OK().Want(table(allRows(zones), ""))
		s.Run("::walk spa | ::zfs_datasets").OK().Want(table(both, ""))
		held := 0
		for _, r := range both {
			if r.addr != 0 {
				held++
			}
		}
		if r := s.Run("::zfs_datasets -s | ::print dsl_dataset_t ds_object").OK(); strings.Count(r.Out, "\n") != held {
			t.Errorf("%d in the pipe, want %d", strings.Count(r.Out, "\n"), held)
		}
		if r := s.Run(hexCmd(backup.Addr, "::zfs_datasets -as")).OK(); !strings.Contains(r.Out, " backup/$FREE\n") || !strings.Contains(r.Out, " backup/$ORIGIN@$ORIGIN\n") || !strings.Contains(r.Out, " backup/$MOS\n") {
			t.Errorf("%s", r.Out)
		}
		if r := s.Run("::zfs_datasets zones/nothing"); !strings.Contains(r.Err, "no data set of the name is in memory") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
		if r := s.Run(hexCmd(zones.Dsl.Addr, "::zfs_datasets")); !strings.Contains(r.Err, fmt.Sprintf("%x is neither a pool's spa_t nor an objset_t", zones.Dsl.Addr)) {
			t.Errorf("%s%s", r.Out, r.Err)
		}
	})
}

// TestHeldJSON runs the commands on data sets, dbufs and the ARC with JSON lines.
func TestHeldJSON(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Opts.JSON = true
		rows := func(cmd string) (list []map[string]any) {
			t.Helper()
			for _, line := range strings.Split(strings.TrimSpace(s.Run(cmd).OK().Out), "\n") {
				row := map[string]any{}
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatalf("%s: %v: %s", cmd, err, line)
				}
				list = append(list, row)
			}
			return list
		}
		want := allRows(pool(sys, "zones"))
		got := rows(hexCmd(pool(sys, "zones").Addr, "::zfs_datasets -s"))
		if len(got) != len(want) {
			t.Fatalf("%d data sets, want %d", len(got), len(want))
		}
		for i, r := range want {
			if got[i]["name"] != r.name || fmt.Sprintf("%.0f", got[i]["used"]) != fmt.Sprint(r.used) || got[i]["addr"] != fmt.Sprintf("0x%x", r.addr) {
				t.Errorf("%v, want %+v", got[i], r)
			}
		}
		d := described(sys)[0]
		if row := rows(hexCmd(d.Addr, "::dbuf"))[0]; row["objset"] != d.set.Path || row["object"] != fmt.Sprintf("%x", d.object) {
			t.Errorf("%v", row)
		}
		if list := rows("::dbufs -n " + d.set.Path); len(list) == 0 || list[0]["value"] == nil {
			t.Errorf("%v", list)
		}
		if list := rows("::dbuf_stats"); list[0]["dbufs"] == nil || list[1]["length"] == nil {
			t.Errorf("%v", list)
		}
		if list := rows("::arc_compression_stats -b"); list[0]["of"] != "buffers" || list[0]["count"] == nil {
			t.Errorf("%v", list)
		}
	})
}

// TestMissingMembers is of a release that does not have members of what columns show:
// the column has dashes, the others what they have.
func TestMissingMembers(t *testing.T) {
	l := illumos.Real().With(illumos.Remove("struct dsl_dir_phys", "dd_used_bytes"), illumos.Remove("struct dsl_dir_phys", "dd_quota"))
	sys := illumos.Storage().Build(l)
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
	want := datasetHead
	for _, r := range allRows(pool(sys, "zones")) {
		if !r.snapshot {
			want += fmt.Sprintf("%016x %-4s %20s %14s %14s %s\n", r.addr, r.kind, r.guid, "-", out.NiceNum(r.refer), r.name)
		}
	}
	s.Run(hexCmd(pool(sys, "zones").Addr, "::zfs_datasets")).OK().Want(want)
}
