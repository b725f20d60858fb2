package linux

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
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// spoiled is a machine some of whose memory is not what it was.
type spoiled struct {
	*linuxdump.Target
	seed int64
	on   *bool
}

func (s spoiled) Physical() mem.Space { return spoiledSpace{s.Target.Physical(), s.seed, s.on} }

// spoiledSpace changes words of some pages: to nothing, to garbage, to that of another.
type spoiledSpace struct {
	mem.Space
	seed int64
	on   *bool
}

const spoilBlock = 512 // bytes of which one word is bad, in one of so many blocks
const spoilOne = 24

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
		at := block*spoilBlock + uint64(r.Intn(spoilBlock/8))*8
		word := r.Uint64()
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

// TestSpoiled runs every command on machines with damaged memory: each ends, without a
// fault. The kernel is found before the damage comes, so that the commands meet it.
func TestSpoiled(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	cmds := []string{"::ps -fztnc", "::ptree", "::thread", "::zone -v", "::zone -p", "::stacks -a", "::cpuinfo -v", "::runq", "::dmesg -x",
		"::modinfo", "::mounts -a", "::netstat -a", "::net", "::irqs -a", "::slabs", "::timers", "::meminfo", "::pgrep .",
		"::walk proc | ::files", "::walk thread | ::findstack", "::walk slab_cache | ::walk slab", "::walk proc | ::walk thread",
		"::walk thread | ::whatis", "::walk net_device | ::net", "init_task::mutex", "init_task::rwsem", "init_task::waitq",
		"irq_desc_tree::walk xarray", "init_task::walk maple_tree", "init_task::walk list", "init_task::walk hlist", "init_task::walk rbtree"}
	for seed := range int64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			target, err := linuxdump.Open(context.Background(), []string{d.File(guest.ELF)}, linuxdump.Options{})
			if err != nil {
				t.Fatal(err)
			}
			on := false
			s := modtest.OpenTarget(t, spoiled{target, seed, &on}, Module())
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
				cancel()
			}
		})
	}
}
