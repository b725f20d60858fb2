package zfs_test

import (
	"context"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/zfs"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// spoiled is a machine some of whose memory is not what it was.
type spoiled struct {
	*linuxdump.Target
	seed int64
	on   *bool
}

func (s spoiled) Physical() mem.Space { return spoiledSpace{s.Target.Physical(), s.seed, s.on} }

// spoiledSpace changes a word in one of so many blocks of memory: to nothing, to garbage,
// to a small number, to an address.
type spoiledSpace struct {
	mem.Space
	seed int64
	on   *bool
}

const (
	spoilBlock = 512 // bytes
	spoilOne   = 24
)

func (s spoiledSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := s.Space.ReadAt(p, a)
	if !*s.on {
		return n, err
	}
	for block := uint64(a) / spoilBlock; block <= (uint64(a)+uint64(n))/spoilBlock; block++ {
		r := rand.New(rand.NewSource(s.seed ^ int64(block)*2654435761))
		if r.Intn(spoilOne) != 0 {
			continue
		}
		at, word := block*spoilBlock+uint64(r.Intn(spoilBlock/8))*8, r.Uint64()
		switch r.Intn(4) {
		case 0:
			word = 0
		case 1:
			word = 0xffff888000000000 | word&0xfffffff8
		case 2:
			word &= 0xff
		}
		for i := range uint64(8) {
			if o := at + i - uint64(a); at+i >= uint64(a) && o < uint64(n) {
				p[o] = byte(word >> (8 * i))
			}
		}
	}
	return n, err
}

// TestGuestSpoiled runs every command on real pools in damaged memory: each ends, without
// a fault. The kernel is found before the damage comes, so that the commands meet it.
func TestGuestSpoiled(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	cmds := []string{"::spa -veMmh", "::spa -c", "::walk spa | ::spa_space", "::walk spa | ::logsm_stats", "::walk spa | ::zfs_blkstats -v", "::txg_state -v",
		"::zio_state -r", "::zio_stuck", "::zfs_datasets -asv", "::dbufs", "::dbuf_stats", "::walk dmu_buf_impl_t | ::dbuf", "::arc -b", "::arc_compression_stats -v",
		"::abuf_find 1 2", "::zfs_dbgmsg", "::zfs_params", "::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::range_tree -h",
		"::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::walk zfs_btree", "::walk zfs_znode_cache | ::print znode_t z_acl_cached | ::zfs_aces",
		"::walk zfs_znode_cache | ::print znode_t z_sa_hdl | ::sa_attr 5", "::dbufs -n mos -o 1 | ::print dmu_buf_impl_t db.db_data | ::zap_leaf -v",
		"::walk spa | ::walk metaslab | ::metaslab_weight", "::walk zio | ::metaslab_trace"}
	for seed := range int64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			target, err := linuxdump.Open(context.Background(), []string{d.File(guest.ELF)}, linuxdump.Options{})
			if err != nil {
				t.Fatal(err)
			}
			on := false
			s := modtest.OpenTarget(t, spoiled{target, seed, &on}, linux.Module(), zfs.Module())
			on = true
			s.Context().System.(system.Refresher).Refresh()
			s.Changed()
			for _, cmd := range cmds {
				start := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				err := s.Eval.Eval(ctx, s.Session, cmd)
				s.Out.Flush()
				if ctx.Err() != nil {
					t.Errorf("%s: no end after %v: %v", cmd, time.Since(start).Round(time.Second), err)
				}
				if d := time.Since(start); d > time.Second {
					t.Logf("%s: %v", cmd, d.Round(time.Millisecond))
				}
				cancel()
			}
		})
	}
}
