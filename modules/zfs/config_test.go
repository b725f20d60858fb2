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
