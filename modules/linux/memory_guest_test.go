package linux

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

func TestSlabs(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		type counts struct{ active, total, slabs string }
		read := func(tr guest.Truth) map[string]counts {
			found := map[string]counts{}
			for _, f := range tr.Rows(t, "slabinfo") {
				if len(f) > 14 && f[0] != "#" {
					found[f[0]] = counts{f[1], f[2], f[14]}
				}
			}
			return found
		}
		before, after := read(s.d.Before), read(s.d.After)
		got, addr := map[string]counts{}, map[string]string{}
		for _, r := range s.rows("::slabs") {
			got[r.str("name")] = counts{r.str("active"), r.str("objects"), r.str("slabs")}
			addr[r.str("name")] = r.str("addr")
		}
		// A cache that has as much after as before may have had less in between:
		// asking opens and closes files. Few do.
		same := 0
		var differ []string
		for name, want := range before {
			if want != after[name] {
				continue
			}
			if got[name] != want {
				differ = append(differ, fmt.Sprintf("cache %s: %v, want %v", name, got[name], want))
			}
			same++
		}
		if len(differ)*25 > same {
			t.Errorf("of %d caches that did not change: %q", same, differ)
		}
		if same < 50 {
			t.Errorf("%d caches only did not change", same)
		}
		// the objects of a cache are those that the tasks are
		tasks := map[string]bool{}
		for line := range strings.Lines(s.Run(addr["task_struct"] + "::walk slab_object").OK().Out) {
			tasks[strings.TrimSpace(line)] = true
		}
		for _, r := range s.rows("::thread") {
			if a := r.str("addr"); !tasks[a] && r.str("name") != "swapper/0" { // which is in the image
				t.Errorf("task %s (%s) is not an object of task_struct", a, r.str("name"))
			}
		}
		total := strings.Count(s.Run(addr["task_struct"]+"::walk slab_free").OK().Out, "\n") + len(tasks)
		if fmt.Sprint(total) != got["task_struct"].total {
			t.Errorf("task_struct has %d objects in use or free, %s in all", total, got["task_struct"].total)
		}
	})
}

func TestMeminfo(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		got := map[string]int{}
		for _, r := range s.rows("::meminfo") {
			got[r.str("what")] = r.num(t, "kb")
		}
		const slack = 2048 // kB that come and go as the guest is asked
		for label, name := range map[string]string{
			"Total": "MemTotal", "Free": "MemFree", "Anon mapped": "AnonPages", "Files mapped": "Mapped", "Shared memory": "Shmem",
			"Slab reclaimable": "SReclaimable", "Slab unreclaimable": "SUnreclaim", "Kernel stacks": "KernelStack", "Page tables": "PageTables",
		} {
			low, high := s.kb(s.d.Before, name), s.kb(s.d.After, name)
			if low > high {
				low, high = high, low
			}
			if n := got[label]; n < low-slack || n > high+slack || label == "Total" && n != low {
				t.Errorf("%s: %d kB, want %d to %d", label, n, low, high)
			}
		}
	})
}

func (s *subject) kb(tr guest.Truth, name string) int {
	for _, f := range tr.Rows(s.t, "meminfo") {
		if f[0] == name+":" {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	s.t.Fatalf("no %s in meminfo", name)
	return 0
}
