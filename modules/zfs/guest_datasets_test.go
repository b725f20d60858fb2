package zfs_test

import (
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

func TestGuestDatasets(t *testing.T) { onPools(t, testGuestDatasets) }

func testGuestDatasets(t *testing.T, s *realPools) {
	type listed struct{ used, refer, kind, guid string }
	read := func(tr guest.Truth) map[string]listed {
		m := map[string]listed{}
		for _, f := range tr.Rows(t, "zfs-list-p") {
			if len(f) == 8 && f[0] != "NAME" {
				m[f[0]] = listed{f[1], f[3], f[5], f[6]}
			}
		}
		return m
	}
	before, after := read(s.d.Before), read(s.d.After)
	got := map[string]record{}
	for _, r := range records(t, s.Session, "::zfs_datasets -s") {
		name := r.str("name")
		if got[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		got[name] = r
		b, a := before[name], after[name]
		if a.guid == "" {
			t.Errorf("there is no %s", name)
			continue
		}
		if r.str("guid") != a.guid {
			t.Errorf("%s: GUID %s, want %s", name, r.str("guid"), a.guid)
		}
		if kind := map[string]string{"filesystem": "fs", "snapshot": "snap", "volume": "vol"}[a.kind]; r.str("type") != kind {
			t.Errorf("%s is %s, want %s", name, r.str("type"), kind)
		}
		slack := uint64(0)
		if !strings.ContainsAny(name, "/@") {
			slack = inSync
		}
		s.near(name+" used", r.num(t, "used"), b.used, a.used, slack)
		s.between(name+" referenced", r.num(t, "refer"), b.refer, a.refer)
	}
	away := 0 // found on disk alone
	for name, w := range after {
		switch {
		case got[name] == nil && w.kind != "bookmark":
			t.Errorf("%s, a %s, is missing", name, w.kind)
		case w.kind == "volume" && w.guid != "" && got[name].str("addr") == "0x0":
			away++
		}
	}
	if away == 0 {
		t.Error("no volume is held by nobody")
	}
	if out := s.Run("::zfs_datasets -v tank/home/clone").OK().Out; !strings.Contains(out, "origin tank/home/alice@one") {
		t.Errorf("the clone:\n%s", out)
	}
}
