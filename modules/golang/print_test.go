package golang

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPrint compares ::print with -P, which shows Go's own types, and without,
// which is MDB's and shows the structures.
func TestPrint(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			if got, want := sorted(s.run(`"main.smallMap"::print -P`)), "map[string]int (len 3) {\n    \"one\" = 1\n    \"three\" = 3\n    \"two\" = 2\n}\n"; got != want {
				t.Errorf("a map: %q", got)
			}
			if got := s.run(`"main.smallMap"::print`); !strings.HasPrefix(got, "0x") || strings.Contains(got, "one") {
				t.Errorf("a map without -P: %q", got)
			}
			got := addresses.ReplaceAllString(s.run(`*"main.lion"::print -P main.animal Legs Kept Any In Name`), "ADDR")
			want := "Legs = []uint8 (len 4, cap 4) [ 1, 2, 3, 4 ]\nKept = *main.cat(ADDR)\nAny = main.point { x = 5, y = 6 }\n" +
				"In = chan string (1 of 2, closed) {\n    queue = [ \"last words\" ]\n}\nName = \"leo\"\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			whole := s.run(`*"main.lion"::print -P main.animal`)
			if !strings.Contains(whole, "    In = chan string (1 of 2, closed) {\n        queue = [ \"last words\" ]\n    }\n    out = ") {
				t.Errorf("in a structure:\n%s", whole)
			}
			if err := s.Unload("golang"); err != nil {
				t.Fatal(err)
			}
			if got := s.run(`"main.smallMap"::print -P`); strings.Contains(got, "one") {
				t.Errorf("without the module: %q", got)
			}
		})
	}
}

// TestStripped finds functions and lines without symbols and debug data.
func TestStripped(t *testing.T) {
	for _, name := range []string{"gort/stripped", "gort/strippedpie", "gort/stripped1.22"} {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			if !Module().Activates(s.Context()) {
				t.Error("the module does not activate")
			}
			stack := s.run("$c")
			for _, f := range []string{"runtime.sigpanic+", "main.fault+", "main.crash+", "main.main+", "runtime.main+"} {
				if !strings.Contains(stack, f) {
					t.Errorf("no %s on the stack:\n%s", f, stack)
				}
			}
			if n := strings.Count(stack, "main.crash+"); n != 4 { // the first has no frame of its own when fault faults
				t.Errorf("main.crash is on the stack %d times:\n%s", n, stack)
			}
			m, err := s.Namespace().LookupName("", "main.crash")
			if err != nil {
				t.Fatal(err)
			}
			if file, line := lineAt(s.Session, m.Value); !strings.HasSuffix(file, "zoo.go") || line < 190 || line > 220 {
				t.Errorf("main.crash is at %s:%d", file, line)
			}
			if _, errs := s.try("::goroutines"); !strings.Contains(errs, errNoDWARF.Error()) {
				t.Errorf("::goroutines said %q", errs)
			}
			if _, errs := s.try("<rsp::whatis"); errs != "" {
				t.Errorf("::whatis said %q", errs)
			}
		})
	}
}

// TestWalkers compares the walkers with each other and with ::goroutines.
func TestWalkers(t *testing.T) {
	s := open(t, "gort/default")
	live, all := strings.Count(s.run("::walk goroutine"), "\n"), strings.Count(s.run("::walk goroutine_all"), "\n")
	if n := len(s.rows("::goroutines")); live != n {
		t.Errorf("%d goroutines walked, %d listed", live, n)
	}
	if n := len(s.rows("::goroutines -a")); all != n || all < live {
		t.Errorf("%d of all goroutines walked, %d listed", all, n)
	}
	if got := s.run("::walk goroutine | ::print runtime.g goid ! wc -l"); strings.TrimSpace(got) == "0" {
		t.Errorf("printed through a pipe: %q", got)
	}
	if m, p := strings.Count(s.run("::walk m"), "\n"), strings.Count(s.run("::walk p"), "\n"); m < 3 || p != 4 {
		t.Errorf("%d threads, %d processors", m, p)
	}
	if got := len(s.rows("::goroutines -t sleep | ::goroutines")); got != len(s.rows("::goroutines -t sleep")) || got == 0 {
		t.Errorf("%d through a pipe", got)
	}
	groups, total := s.rows("::gostacks"), 0.0
	for _, g := range groups {
		total += g["count"].(float64)
	}
	if int(total) != live || len(groups) >= live {
		t.Errorf("%d groups of %v goroutines, %d live", len(groups), total, live)
	}
	ages := 0
	for _, row := range s.rows("::goroutines -t sleep") {
		if row["age"] != "" {
			ages++
		}
	}
	if ages == 0 {
		t.Error("no sleeper has an age")
	}
}
