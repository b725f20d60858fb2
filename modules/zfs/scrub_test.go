package zfs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// decimals is a fraction with two decimals in five characters.
func decimals(n, of uint64) string {
	s := fmt.Sprintf("%d.%02d", n/of, n*100/of-n/of*100)
	return s[:min(5, len(s))]
}

// scrubLine is a row of ::zfs_blkstats.
func scrubLine(total uint64, name string, list ...illumos.BlockCount) string {
	var d illumos.BlockCount
	for _, b := range list {
		d.Count, d.Asize, d.Lsize, d.Psize = d.Count+b.Count, d.Asize+b.Asize, d.Lsize+b.Lsize, d.Psize+b.Psize
	}
	n := out.NiceNum
	return tabs(fmt.Sprintf("%6s\t%5s\t%5s\t%5s\t%5s\t%5s\t%6s\t%s\n", n(d.Count), n(d.Lsize), n(d.Psize), n(d.Asize), n(d.Asize/d.Count),
		decimals(d.Lsize, d.Psize), decimals(100*d.Asize, total), name))
}

// tabs expands tabs to columns of eight, as output has them.
func tabs(line string) string {
	text := ""
	for _, r := range line {
		if r != '\t' {
			text += string(r)
			continue
		}
		text += strings.Repeat(" ", 8-len(text)%8)
	}
	return text
}

func TestBlkstats(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := pool(sys, "zones")
		list := p.Pool.Mem.Scrub
		var total, gangs, ditto uint64
		var order []string
		types := map[string][]illumos.BlockCount{}
		for _, d := range list {
			total, gangs, ditto = total+d.Asize, gangs+d.Gangs, ditto+d.SameVdev
			if types[d.Type] == nil {
				order = append(order, d.Type)
			}
			types[d.Type] = append(types[d.Type], d)
		}
		// The description has the types in the order of their numbers.
		if want := []string{"", "OBJECT_DIRECTORY", "DNODE", "PLAIN_FILE_CONTENTS", "other"}; !slices.Equal(order, want) {
			t.Fatalf("the scenario has %q", order)
		}
		head := fmt.Sprintf("Ganged blocks: %d\nDittoed blocks on same vdev: %d\n\n", gangs, ditto) + tabs("Blocks\tLSIZE\tPSIZE\tASIZE\t  avg\t comp\t%Total\tType\n")
		short, long := "", ""
		for _, typ := range order {
			name := typ
			if typ == "" {
				name = "deferred free"
			}
			line := scrubLine(total, name, types[typ]...)
			short, long = short+line, long+line
			if len(types[typ]) > 1 {
				for _, d := range types[typ] {
					long += scrubLine(total, fmt.Sprintf("  L%d %s", d.Level, name), d)
				}
			}
		}
		sum := scrubLine(total, "Total", list...)
		s.Run(at(p.Obj, "zfs_blkstats")).OK().Want(head + short + sum)
		byLevel := ""
		for level := range 3 {
			var at []illumos.BlockCount
			for _, d := range list {
				if d.Level == level {
					at = append(at, d)
				}
			}
			byLevel += scrubLine(total, fmt.Sprintf("  L%d Total", level), at...)
		}
		s.Run(at(p.Obj, "zfs_blkstats -v")).OK().Want(head + long + sum + byLevel)
		r := s.Run(at(pool(sys, "backup").Obj, "zfs_blkstats"))
		if !strings.Contains(r.Err, "failed to read data at 0;: ") || r.Out != "maybe no stats? run \"zpool scrub\" first.\n" {
			t.Errorf("of a pool without counts: %q %q", r.Out, r.Err)
		}
	})
}
