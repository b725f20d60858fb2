package linux

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// memoryRow is a row of ::meminfo: counters of the kernel by the names of enumerators, as
// fs/proc/meminfo.c adds them.
type memoryRow struct {
	label string
	zone  []string // enum zone_stat_item, pages
	node  []string // enum node_stat_item, pages
	less  []string // enum node_stat_item, subtracted
	kb    string   // enum node_stat_item, kilobytes
	of    string   // a variable, pages
}

var memoryRows = []memoryRow{
	{label: "Total", of: "_totalram_pages"},
	{label: "Free", zone: []string{"NR_FREE_PAGES"}},
	{label: "Cached files", node: []string{"NR_FILE_PAGES"}, less: []string{"NR_SWAPCACHE"}},
	{label: "Swap cache", node: []string{"NR_SWAPCACHE"}},
	{label: "Active anon", node: []string{"NR_ACTIVE_ANON"}},
	{label: "Inactive anon", node: []string{"NR_INACTIVE_ANON"}},
	{label: "Active file", node: []string{"NR_ACTIVE_FILE"}},
	{label: "Inactive file", node: []string{"NR_INACTIVE_FILE"}},
	{label: "Unevictable", node: []string{"NR_UNEVICTABLE"}},
	{label: "Mlocked", zone: []string{"NR_MLOCK"}},
	{label: "Dirty", node: []string{"NR_FILE_DIRTY"}},
	{label: "Writeback", node: []string{"NR_WRITEBACK"}},
	{label: "Anon mapped", node: []string{"NR_ANON_MAPPED"}},
	{label: "Files mapped", node: []string{"NR_FILE_MAPPED"}},
	{label: "Shared memory", node: []string{"NR_SHMEM"}},
	{label: "Slab reclaimable", node: []string{"NR_SLAB_RECLAIMABLE_B"}},
	{label: "Slab unreclaimable", node: []string{"NR_SLAB_UNRECLAIMABLE_B"}},
	{label: "Kernel stacks", kb: "NR_KERNEL_STACK_KB"},
	{label: "Page tables", node: []string{"NR_PAGETABLE"}},
	{label: "Vmalloc", of: "nr_vmalloc_pages"},
	{label: "Swap total", of: "total_swap_pages"},
	{label: "Swap free", of: "nr_swap_pages"},
}

var memoryTable = &core.Table{
	Head: "%<u>%-20s %12s %12s %5s%</u>\n", Line: "%-20s %12d %12d %4d%%\n",
	Cols: []core.Field{{Name: "what", Head: "Page Summary"}, {Name: "pages", Head: "Pages"}, {Name: "kb", Head: "KB"}, {Name: "percent", Head: "%Tot"}},
}

func memoryDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "meminfo", Descr: "what memory is used for", Table: memoryTable, Run: noArgs(runMeminfo),
		Help: `Prints the kernel's own counts of pages, those that /proc/meminfo shows in kilobytes. What a
kernel does not count is left out. Cached files are NR_FILE_PAGES without the swap cache;
/proc/meminfo takes the buffers of block devices off, too.
`,
	}}
}

func runMeminfo(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	total := uint64(0)
	for _, r := range memoryRows {
		pages, ok := r.pages(v)
		if !ok {
			continue
		}
		if r.label == "Total" {
			total = pages
		}
		percent := uint64(0)
		if total != 0 {
			percent = pages * 100 / total
		}
		c.Row(r.label, pages, pages*pageSize/1024, percent)
	}
	return nil
}

// pages adds the row up; ok is false if the kernel has none of its counters.
func (r *memoryRow) pages(v *kernel.View) (n uint64, ok bool) {
	if r.of != "" {
		at, err := address(v, r.of)
		if err == nil {
			n, err = v.Pointer(at)
		}
		return n, err == nil
	}
	add := func(array, enum string, names []string, sign int64) {
		for _, name := range names {
			if val, found := counter(v, array, enum, name); found {
				n += uint64(sign * max(val, 0)) // a sum of deltas may be below zero for a moment
				ok = true
			}
		}
	}
	add("vm_zone_stat", "enum zone_stat_item", r.zone, 1)
	add("vm_node_stat", "enum node_stat_item", r.node, 1)
	add("vm_node_stat", "enum node_stat_item", r.less, -1)
	if r.kb != "" {
		if val, found := counter(v, "vm_node_stat", "enum node_stat_item", r.kb); found {
			return uint64(max(val, 0)) / (pageSize / 1024), true
		}
	}
	return n, ok
}

// counter reads an element of an array of counters by its enumerator.
func counter(v *kernel.View, array, enum, name string) (int64, bool) {
	i, ok := v.Enumerator(enum, name)
	if !ok {
		return 0, false
	}
	at, err := address(v, array)
	if err != nil {
		return 0, false
	}
	n, err := v.Pointer(at + 8*uint64(i))
	return int64(n), err == nil
}
