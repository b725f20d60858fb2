package dwarf

import (
	"sync"
	"testing"
)

// TestConcurrent has many goroutines ask one Data for everything at once: all
// must get the same answers.
func TestConcurrent(t *testing.T) {
	path := compile(t, "types.cc", "g++", "-g", "-O2")
	pcs := textPCs(t, open(t, path, Options{}), path)
	d := open(t, path, Options{})
	types := make([]any, 8)
	var wg sync.WaitGroup
	for g := range types {
		wg.Go(func() {
			for i, pc := range pcs {
				if i%len(types) == g || i < 20 {
					if _, err := framesAt(d, pc); err != nil {
						t.Error(err)
					}
				}
			}
			ty, err := d.Lookup("ns::Derived")
			if err != nil {
				t.Error(err)
			}
			look(ty, 0)
			types[g] = ty
			n := 0
			for range d.All() {
				n++
			}
			if n == 0 {
				t.Error("no types")
			}
		})
	}
	wg.Wait()
	for _, ty := range types {
		if ty != types[0] {
			t.Error("one type has two values")
		}
	}
}
