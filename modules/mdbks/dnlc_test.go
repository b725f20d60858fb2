package mdbks_test

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/mdbks"
)

// names are what the scenario has in its name cache.
var names = []illumos.Name{
	{Dir: "/usr/bin", Name: "vmadm"}, {Dir: "/opt/custom", Name: "probe", Only: true},
	{Dir: "/usr/bin", Name: "a-name-of-more-than-thirty-two-characters"}, {Dir: "/etc", Name: "\xc3\xa9"},
}

func build(t *testing.T, damage func(k *illumos.Kernel)) (*illumos.System, *modtest.Session) {
	t.Helper()
	sc := illumos.Node()
	sc.Names = names
	sys := sc.Build(illumos.Real())
	if damage != nil {
		sys.OnRender(func() { damage(sys.Kernel) })
	}
	var b bytes.Buffer
	if err := sys.Finish().WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	return sys, modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), mdbks.Module())
}

const heading = "VP               DVP              NAME                            \n"

func TestDNLC(t *testing.T) {
	sys, s := build(t, nil)
	var want []string
	for _, n := range names {
		want = append(want, fmt.Sprintf("%016x %016x %s", sys.Vnodes[n.Dir+"/"+n.Name].Addr, sys.Vnodes[n.Dir].Addr, n.Name))
	}
	sort.Strings(want)
	r := s.Run("::dnlc").OK()
	rows := strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.Out, heading), "\n"), "\n")
	sort.Strings(rows)
	if strings.Join(rows, "\n") != strings.Join(want, "\n") || !strings.HasPrefix(r.Out, heading) {
		t.Errorf("%s\nwant\n%s", r.Out, strings.Join(want, "\n"))
	}
	s.Run("::dnlc ! wc -l").WantLines(fmt.Sprint(len(names) + 1))
}

// TestDamagedDNLC damages the first chain that is not empty: the others are listed.
func TestDamagedDNLC(t *testing.T) {
	var bad uint64
	_, s := build(t, func(k *illumos.Kernel) {
		table, n := k.Global("nc_hash").Get(""), k.Global("nc_hashsz").Get("")
		for i := range n {
			h := k.At("nc_hash_t", table+i*k.Size("nc_hash_t"))
			if first := h.Get("hash_next"); first != h.Addr {
				bad = first
				k.At("ncache_t", first).Set("hash_prev", 0xdeadbeef)
				return
			}
		}
	})
	r := s.Run("::dnlc")
	if !strings.Contains(r.Err, fmt.Sprintf("ncache va: %x - continuing with the rest", bad)) {
		t.Errorf("%s%s", r.Out, r.Err)
	}
	if n := strings.Count(r.Out, "\n"); n < 2 || n > len(names) {
		t.Errorf("%d lines:\n%s", n, r.Out)
	}
}
