package zfs

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
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
	what := "scrub"
	if enumerator(v, "enum pool_scan_func", "POOL_SCAN_", l.Func.Of(b)) == "RESILVER" {
		what = "resilver"
	}
	errors := fmt.Sprintf("%d errors", l.Errors.Of(b))
	switch state := enumerator(v, "enum dsl_scan_state", "DSS_", l.State.Of(b)); state {
	case "SCANNING":
		how, since := "in progress", l.Start.Of(b)
		if t := p.Pause.Of(pb); t != 0 {
			how, since = "paused", t
		}
		c.Printf("scan: %s %s since %Y, %s scanned, %s issued, %s in all, %s repaired, %s\n", what, how, since, out.NiceNum(l.Seen.Of(b)),
			out.NiceNum(p.Issued.Of(pb)+l.Before.Of(b)), out.NiceNum(l.Total.Of(b)), out.NiceNum(l.Fixed.Of(b)), errors)
	case "FINISHED":
		c.Printf("scan: %s finished %Y, %s repaired, %s\n", what, l.End.Of(b), out.NiceNum(l.Fixed.Of(b)), errors)
	case "CANCELED":
		c.Printf("scan: %s canceled %Y\n", what, l.End.Of(b))
	}
	return nil
}
