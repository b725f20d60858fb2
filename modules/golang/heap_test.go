package golang

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestSpans checks the heap against the runtime's own accounts: pages in use, and
// in each span that is swept the number of objects allocated.
func TestSpans(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			r, err := runtimeOf(s.Session)
			if err != nil {
				t.Fatal(err)
			}
			list, err := r.spanAddrs()
			if err != nil {
				t.Fatal(err)
			}
			pages, checked, objects := uint64(0), 0, 0
			for _, at := range list {
				sp, err := r.spanAt(at)
				if err != nil {
					t.Error(err)
					continue
				}
				if sp.State == spanDead {
					continue
				}
				for _, a := range []uint64{sp.Start, sp.Start + sp.size() - 1} {
					if found, err := r.spanOf(a); err != nil || found == nil || found.Addr != at {
						t.Errorf("span of %#x is %+v (%v), want that at %#x", a, found, err, at)
					}
				}
				if sp.State != spanInUse {
					continue
				}
				pages += sp.Pages
				n := uint64(0)
				for i := range sp.N {
					if used, err := r.allocated(sp, i); err != nil {
						t.Fatal(err)
					} else if used {
						n++
					}
				}
				if n != sp.Count {
					t.Errorf("span %#x of class %d: %d objects are allocated, it counts %d", at, sp.sizeClass(), n, sp.Count)
				}
				checked, objects = checked+1, objects+int(n)
			}
			heap, err := r.global("runtime.mheap_")
			if err != nil {
				t.Fatal(err)
			}
			in, err := heap.Path("pagesInUse.value")
			if err != nil {
				t.Fatal(err)
			}
			if want, err := in.Uint(); err != nil || pages != want || checked < 20 {
				t.Errorf("%d pages in %d spans, the heap counts %d (%v)", pages, checked, want, err)
			}
			t.Logf("%d spans, %d objects", checked, objects)
		})
	}
}

func TestWhatis(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			object := regexp.MustCompile(`^\w+ is allocated from the Go heap, object \d+ of \d+, 192 bytes \(span \w+, class 14, scan\)\n$`)
			if got := s.run(`*"main.lion"::whatis`); !object.MatchString(got) {
				t.Errorf("the lion: %q", got)
			}
			inside := regexp.MustCompile(`^(\w+) is (\w+)\+20, allocated from the Go heap`)
			if got := s.run(`*"main.lion"+20::whatis`); !inside.MatchString(got) {
				t.Errorf("in the lion: %q", got)
			}
			g := s.rows("::goroutines -t sleep")[0]
			r, err := runtimeOf(s.Session)
			if err != nil {
				t.Fatal(err)
			}
			var addr uint64
			fmt.Sscanf(g["addr"].(string), "0x%x", &addr)
			gr, err := r.goroutineAt(addr)
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("stack of goroutine %d (%x), waiting\n", gr.ID, addr)
			if got := s.run(fmt.Sprintf("%x::whatis", gr.SP)); !strings.HasSuffix(got, want) {
				t.Errorf("a stack: %q, want %q", got, want)
			}
			// The thread that died did so in its handler of the signal.
			signal := regexp.MustCompile(`^\w+ is \w+\+\w+, signal stack of thread \d+ of the Go runtime \(\w+\), LWP \d+\n$`)
			if got := s.run("<rsp::whatis"); !signal.MatchString(got) {
				t.Errorf("the stack of a handler: %q", got)
			}
			ty := s.run(`*(**"main.keepers"+8)::whatis`)
			if !strings.HasSuffix(ty, "the run-time type *main.cat\n") {
				t.Errorf("a type: %q", ty)
			}
		})
	}
}

func TestGospans(t *testing.T) {
	s := open(t, "gort/default")
	rows := s.rows(`*"main.lion"::gospans`)
	if len(rows) != 1 || rows[0]["elemsize"] != float64(192) || rows[0]["state"] != "inuse" {
		t.Errorf("the span of the lion: %v", rows)
	}
	walked := strings.Count(s.run("::walk gospan"), "\n")
	listed := len(s.rows("::gospans -a"))
	if walked != listed || listed < 50 {
		t.Errorf("%d spans walked, %d listed", walked, listed)
	}
	sum := 0.0
	for _, row := range s.rows("::gospans -s") {
		sum += row["spans"].(float64)
	}
	if used := len(s.rows("::gospans")); int(sum) != used {
		t.Errorf("the summary has %v spans, %d are listed", sum, used)
	}
}
