package zfs

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// arcStats works out the statistics of OpenZFS's ARC that the kernel works out when
// /proc/spl/kstat/zfs/arcstats is read, as arc_kstat_update does. In arc_stats is what
// was true at the last reading.
type arcStats struct {
	v     *kernel.View
	k     *system.LinuxKernel
	names map[uint64]string // members of arc_stats_t by offset
	sums  map[string]arcSum // members of arc_sums_t
}

// arcSum is a counter that CPUs have parts of.
type arcSum struct {
	addr      uint64
	aggregate bool // aggsum_t, else wmsum_t
}

// newArcStats finds the counters; without them every statistic is what it was.
func newArcStats(v *kernel.View, k *system.LinuxKernel) *arcStats {
	s := &arcStats{v: v, k: k, names: map[uint64]string{}, sums: map[string]arcSum{}}
	if t := v.TypeOrNil("arc_stats_t"); t != nil {
		for _, m := range v.W.Resolve(t).Members() {
			s.names[m.Off/8] = m.Name
		}
	}
	t := v.TypeOrNil("arc_sums_t")
	at, err := v.Symbol("zfs", "arc_sums")
	if t == nil || err != nil {
		return s
	}
	for _, m := range v.W.Resolve(t).Members() {
		s.sums[m.Name] = arcSum{at.Value + m.Off/8, isAggregate(v, m.Type)}
	}
	return s
}

func isAggregate(v *kernel.View, t *ctype.Type) bool {
	_, err := v.W.Resolve(t).FindMember("as_lower_bound")
	return err == nil
}

// value is the statistic whose member of arc_stats_t is at an offset; last is what the
// structure has for it.
func (s *arcStats) value(off, last uint64) (uint64, error) {
	member := s.names[off]
	if sum, ok := s.sums[member]; ok {
		n, err := int64(0), error(nil)
		if sum.aggregate {
			n, err = aggregateSum(s.v, sum.addr)
		} else {
			n, err = perCPUCounter(s.v, s.k, sum.addr)
		}
		return uint64(n), err
	}
	name := strings.TrimPrefix(member, "arcstat_")
	if sum, ok := s.sums["arcstat_hash_elements"]; ok && name == "hash_elements_max" {
		// A counter that CPUs have parts of has no greatest value: what is read is its value.
		n, err := perCPUCounter(s.v, s.k, sum.addr)
		return uint64(n), err
	}
	if n, ok, err := s.ofState(name); ok || err != nil {
		return n, err
	}
	switch name {
	case "memory_all_bytes":
		return s.pages(last, "_totalram_pages", 0), nil
	case "memory_free_bytes":
		return s.free(last), nil
	case "memory_available_bytes":
		keep, err := s.sysFree()
		return s.free(last) - keep, err
	}
	return last, nil
}

// ofState is what one of the ARC's states counts: all it has, data and metadata, and how
// much of these can be evicted.
func (s *arcStats) ofState(name string) (n uint64, ok bool, err error) {
	state, what, found := strings.Cut(name, "_")
	if ghost, rest, is := strings.Cut(what, "_"); is && ghost == "ghost" {
		state, what = state+"_ghost", rest
	}
	var fields string
	switch what {
	case "size":
		fields = "arcs_size.rc_count"
	case "evictable_data":
		fields = s.ofContents("arcs_esize", "ARC_BUFC_DATA")
	case "evictable_metadata":
		fields = s.ofContents("arcs_esize", "ARC_BUFC_METADATA")
	case "data":
		fields = s.ofContents("arcs_size", "ARC_BUFC_DATA")
	case "metadata":
		fields = s.ofContents("arcs_size", "ARC_BUFC_METADATA")
	}
	if !found || fields == "" {
		return 0, false, nil
	}
	m, err := s.v.Symbol("zfs", "ARC_"+state)
	if err != nil {
		return 0, false, nil // hdr_size and the like
	}
	f, err := s.v.Member("arc_state_t", fields)
	if err != nil {
		if what != "size" {
			return 0, false, nil
		}
		data, ok, err := s.ofState(state + "_data")
		if !ok || err != nil {
			return 0, ok, err
		}
		meta, ok, err := s.ofState(state + "_metadata")
		return data + meta, ok, err
	}
	n, err = mem.ReadUint(s.v.Space(), mem.Addr(m.Value+f.Off), int(f.Size), s.v.W.Order)
	if err != nil {
		return 0, false, kernel.BadRead("arc_state_t", m.Value, err)
	}
	return n, true, nil
}

// ofContents names the count of a type of contents in an array of a state.
func (s *arcStats) ofContents(array, content string) string {
	n, ok := s.v.Enumerator(oneOf(s.v, "enum arc_buf_contents", "arc_buf_contents_t"), content)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s[%d].rc_count", array, n)
}

// sysFree is how much memory the ARC leaves free: a statistic that is always true.
func (s *arcStats) sysFree() (uint64, error) {
	f, err := s.v.Member("arc_stats_t", "arcstat_sys_free.value.ui64")
	if err != nil {
		return 0, err
	}
	m, err := s.v.Symbol("zfs", "arc_stats")
	if err != nil {
		return 0, err
	}
	return s.v.Pointer(m.Value + f.Off)
}

const linuxPage = 4096 // bytes; amd64

// pages is a variable, or an array's element, that counts pages, in bytes.
func (s *arcStats) pages(last uint64, name string, index int64) uint64 {
	m, err := s.v.Symbol(system.LinuxObject, name)
	if err != nil {
		return last
	}
	n, err := s.v.Pointer(m.Value + 8*uint64(index))
	if err != nil {
		return last
	}
	return uint64(max(int64(n), 0)) * linuxPage
}

// free is what the ARC takes for free: free pages and those of files that nobody used
// lately.
func (s *arcStats) free(last uint64) uint64 {
	zone, ok := s.v.Enumerator("enum zone_stat_item", "NR_FREE_PAGES")
	node, ok2 := s.v.Enumerator("enum node_stat_item", "NR_INACTIVE_FILE")
	if !ok || !ok2 {
		return last
	}
	return s.pages(last, "vm_zone_stat", zone) + s.pages(0, "vm_node_stat", node)
}

// isBytes tells whether a statistic counts bytes.
func isBytes(c *core.Ctx, name string) bool {
	if sizes[name] {
		return true
	}
	if linuxOf(kernel.Of(c.Session)) == nil {
		return false
	}
	switch name {
	case "arc_dnode_limit", "arc_need_free", "arc_sys_free", "arc_tempreserve", "arc_loaned_bytes", "meta_limit":
		return true
	case "l2_data_to_meta_ratio":
		return false
	}
	for _, end := range []string{"size", "_bytes", "_data", "_metadata"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.HasPrefix(name, "evict_l2_eligible_")
}
