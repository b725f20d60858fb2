package linux

import (
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
)

// TestSpoiled runs every command on machines with damaged memory: each ends, without a
// fault. The kernel is found before the damage comes, so that the commands meet it.
func TestSpoiled(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	cmds := []string{"::ps -fztnc", "::ptree", "::thread", "::zone -v", "::zone -p", "::stacks -a", "::stacks -i", "::requests", "::walk request | ::requests", "::blocked -v", "::walk thread | ::blocked -v", "::cpuinfo -v", "::runq", "::dmesg -x",
		"::modinfo", "::mounts -a", "::netstat -a", "::net", "::irqs -a", "::slabs", "::timers", "::meminfo", "::pgrep .",
		"::walk proc | ::files", "::walk thread | ::findstack", "::walk slab_cache | ::walk slab", "::walk proc | ::walk thread",
		"::walk thread | ::whatis", "::walk net_device | ::net", "init_task::mutex", "init_task::rwsem", "init_task::waitq",
		"irq_desc_tree::walk xarray", "init_task::walk maple_tree", "init_task::walk list", "init_task::walk hlist", "init_task::walk rbtree"}
	for seed := range int64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, m := modtest.OpenSpoilt(t, d.File(guest.ELF), Module())
			m.Seed = seed + 1
			s.Reread()
			s.Ends(cmds...)
		})
	}
}
