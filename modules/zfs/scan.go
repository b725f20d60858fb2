package zfs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// scanLayout is how the release lays out what it knows of a scrub or resilver. What has
// been issued was so in this pass (spa_t) and before it.
type scanLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Func   kernel.Field `ctf:"scn_phys.scn_func"`
	State  kernel.Field `ctf:"scn_phys.scn_state"`
	Start  kernel.Field `ctf:"scn_phys.scn_start_time"`
	End    kernel.Field `ctf:"scn_phys.scn_end_time"`
	Total  kernel.Field `ctf:"scn_phys.scn_to_examine"`
	Seen   kernel.Field `ctf:"scn_phys.scn_examined"`
	Fixed  kernel.Field `ctf:"scn_phys.scn_processed"`
	Errors kernel.Field `ctf:"scn_phys.scn_errors"`
	Before kernel.Field `ctf:"scn_issued_before_pass,optional"`
}

type passLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Pause  kernel.Field `ctf:"spa_scan_pass_scrub_pause,optional"`
	Issued kernel.Field `ctf:"spa_scan_pass_issued,optional"`
}

// showScan prints what a pool of OpenZFS on Linux says of its last scrub or resilver;
// MDB's ::spa says nothing of it.
func showScan(c *core.Ctx, v *kernel.View, spa, dsl uint64) error {
	if linuxOf(v) == nil || dsl == 0 {
		return nil
	}
	at, err := v.Member("dsl_pool_t", "dp_scan")
	if err != nil {
		return err
	}
	scan, err := v.Pointer(dsl + at.Off)
	if err != nil {
		return kernel.BadRead("dsl_pool_t", dsl, err)
	}
	if scan == 0 {
		return nil
	}
	l, b, err := read(v, "dsl_scan_t", scan, func(l *scanLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	p, pb, err := read(v, "spa_t", spa, func(l *passLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	what := strings.ToLower(cmp.Or(enumerator(v, "enum pool_scan_func", "POOL_SCAN_", l.Func.Of(b)), "scan"))
	errors := fmt.Sprintf("%d errors", l.Errors.Of(b))
	switch state := enumerator(v, "enum dsl_scan_state", "DSS_", l.State.Of(b)); state {
	case "SCANNING":
		how, since := "in progress", l.Start.Of(b)
		if t := p.Pause.Of(pb); t != 0 {
			how, since = "paused", t
		}
		c.Printf("scan: %s %s since %Y, %s scanned, %s issued, %s in all, %s repaired, %s\n", what, how, since, zpoolSize(l.Seen.Of(b)),
			zpoolSize(p.Issued.Of(pb)+l.Before.Of(b)), zpoolSize(l.Total.Of(b)), zpoolSize(l.Fixed.Of(b)), errors)
	case "FINISHED":
		c.Printf("scan: %s finished %Y, %s repaired, %s\n", what, l.End.Of(b), zpoolSize(l.Fixed.Of(b)), errors)
	case "CANCELED":
		c.Printf("scan: %s canceled %Y\n", what, l.End.Of(b))
	}
	return nil
}

// zpoolSize is a number of bytes as zpool(8) prints it: rounded, where MDB truncates, to as
// many decimals as five characters have room for.
func zpoolSize(n uint64) string {
	const units = "KMGTPE"
	unit, whole := 0, n
	for ; whole >= 1024 && unit < len(units); unit++ {
		whole /= 1024
	}
	if unit == 0 {
		return fmt.Sprint(n)
	}
	if n == whole<<(10*unit) {
		return fmt.Sprintf("%d%c", whole, units[unit-1])
	}
	for decimals := 2; ; decimals-- {
		s := fmt.Sprintf("%.*f%c", decimals, float64(n)/float64(uint64(1)<<(10*unit)), units[unit-1])
		if len(s) <= 5 || decimals == 0 {
			return s
		}
	}
}
