package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// configLines is a list of names and values as ::nvlist prints it.
func configLines(list illumos.NVList, margin string) (text string) {
	for _, p := range list {
		switch v := p.Value.(type) {
		case nil:
			text += margin + p.Name + "(unknown)\n"
		case uint64:
			text += fmt.Sprintf("%s%s=%016x\n", margin, p.Name, v)
		case string:
			text += fmt.Sprintf("%s%s='%s'\n", margin, p.Name, v)
		case illumos.NVList:
			text += margin + p.Name + "\n" + configLines(v, margin+"    ")
		case []illumos.NVList:
			for i, l := range v {
				text += fmt.Sprintf("%s%s[%d]\n", margin, p.Name, i) + configLines(l, margin+"    ")
			}
		}
	}
	return text
}

func TestConfig(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		zones, backup := pool(sys, "zones"), pool(sys, "backup")
		list := zones.Pool.Mem.Config
		s.Run(at(zones.Obj, "spa_config")).OK().Want(configLines(list, ""))
		s.Run(at(backup.Obj, "spa_config")).OK().Want("(none)\n")
		s.Run(at(zones.Obj, "spa -c")).OK().Want(spaHead + spaLine(zones) + "\n" + configLines(list, "    "))
		s.Run("::spa -c").OK().Want(spaHead + spaLine(backup) + "\n    (none)\n" + spaLine(zones) + "\n" + configLines(list, "    "))
		s.Run(at(zones.Mem.Config, "nvlist")).OK().Want(configLines(list, ""))
		if got := strings.Count(s.Run(at(zones.Obj, "spa_config")).Out, "/dev/dsk/"); got != 3 {
			t.Errorf("%d devices in the configuration", got)
		}
	})
}

// TestConfigLattice is of a configuration of lists each of which has the next one twice:
// there are far more ways through them than lists.
func TestConfigLattice(t *testing.T) {
	_, s := changed(t, func(sys *illumos.System) {
		inner := sys.NVList(illumos.NVList{{Name: "end", Value: uint64(1)}})
		for range 30 {
			list := sys.NVList(illumos.NVList{{Name: "l", Value: []illumos.NVList{{}, {}}}})
			pair := sys.At("i_nvp_t", sys.At("nvpriv_t", list.Get("nvl_priv")).Get("nvp_list")).Ref("nvi_nvp")
			for i := range uint64(2) { // behind the head and the name, in whole words
				sys.PutU64(pair+16+8+8*i, inner.Addr)
			}
			inner = list
		}
		pool(sys, "zones").Set("spa_config", inner)
	})
	if r := s.Run(hexCmd(pool(illumos.SystemOf(t, "storage"), "zones").Addr, "::spa_config")); !strings.Contains(r.Err, "there are more than 262144 lists and pairs") {
		t.Errorf("%d bytes, %s", len(r.Out), r.Err)
	}
}
