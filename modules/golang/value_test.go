package golang

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// subjects are cores of each release with its own debug data.
var subjects = []string{"gort/default", "gort/noopt", "gort/pie", "gort/1.22", "gort/1.23", "gort/1.24", "gort/1.25"}

// addresses are those of the heap, which differ from core to core.
var addresses = regexp.MustCompile(`0x[0-9a-f]{5,}`)

// sorted puts the lines inside of a map in order: Go's own order is random.
func sorted(s string) string {
	lines := strings.Split(s, "\n")
	if len(lines) > 3 {
		sort.Strings(lines[1 : len(lines)-2])
	}
	return strings.Join(lines, "\n")
}

func TestGoprint(t *testing.T) {
	cases := []struct{ cmd, want string }{
		{`"main.text"::goprint`, "\"hello, gopher\\n\"\n"},
		{`"main.words"::goprint`, "[]string (len 4, cap 4) [ \"alpha\", \"beta\", \"gamma\", \"delta\" ]\n"},
		{`"main.words"::goprint -l 2`, "[]string (len 4, cap 4) [ \"alpha\", \"beta\", ... ]\n"},
		{`"main.matrix"::goprint`, "[][]int (len 3, cap 3) [\n    []int (len 2, cap 2) [ 1, 2 ]\n    []int (len 1, cap 1) [ 3 ]\n    nil\n]\n"},
		{`"main.nilMap"::goprint`, "nil\n"},
		{`"main.nilChan"::goprint`, "nil\n"},
		{`"main.emptyMap"::goprint`, "map[string]bool (len 0) {}\n"},
		{`"main.smallMap"::goprint`, "map[string]int (len 3) {\n    \"one\" = 1\n    \"three\" = 3\n    \"two\" = 2\n}\n"},
		{`"main.anyMap"::goprint`, "map[interface {}]interface {} (len 3) {\n    int(1) = string(\"one\")\n" +
			"    main.point { x = 3, y = 4 } = *main.cat(ADDR)\n    string(\"two\") = int(2)\n}\n"},
		{`"main.keepers"::goprint`, "[]main.keeper (len 3, cap 3) [ *main.cat(ADDR), main.stone(12), nil ]\n"},
		{`"main.keepers"::goprint -p`, "[]main.keeper (len 3, cap 3) [\n    &main.cat { name = \"kit\", lives = 7 }\n    main.stone(12)\n    nil\n]\n"},
		{`"main.efaces"::goprint`, "[]interface {} (len 11, cap 11) [\n    nil\n    int(7)\n    string(\"seven\")\n    float64(7.5)\n    bool(true)\n" +
			"    *main.cat(ADDR)\n    main.cat { name = \"tib\", lives = 8 }\n    main.stone(3)\n    []int (len 2, cap 2) [ 1, 2 ]\n" +
			"    main.point { x = 1, y = -1 }\n    nil\n]\n"},
		{`"main.buffered"::goprint`, "chan int (3 of 4) {\n    queue = [ 11, 12, 13 ]\n}\n"},
		{`"main.closed"::goprint`, "chan string (1 of 2, closed) {\n    queue = [ \"last words\" ]\n}\n"},
		{`"main.lion"::goprint -p -d 2`, `&main.animal {
    base = main.base { id = 42 }
    Name = "leo"
    Legs = []uint8 (len 4, cap 4) [ 1, 2, 3, 4 ]
    Tags = map[string]int (len 3) {
        "one" = 1
        "three" = 3
        "two" = 2
    }
    Friend = ADDR
    Kept = *main.cat(ADDR)
    Any = main.point { x = 5, y = 6 }
    Err = *errors.errorString(ADDR)
    Pos = [2]main.point [
        main.point { ... }
        main.point { ... }
    ]
    Weight = 190.5
    Wave = (1-2i)
    Alive = true
    Call = ADDR (main.populate.func1)
    Letter = 233
`},
	}
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			for _, c := range cases {
				got := addresses.ReplaceAllString(s.run(c.cmd), "ADDR")
				if strings.Contains(c.cmd, "Map") {
					got = sorted(got)
				}
				if strings.Contains(c.cmd, "lion") {
					got = mapLines(got[:min(len(got), strings.Index(got, "    In = "))])
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.cmd, diff)
				}
			}
		})
	}
}

// mapLines sorts the entries of the map Tags.
func mapLines(s string) string {
	lines := strings.Split(s, "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "Tags = ") }); i >= 0 {
		sort.Strings(lines[i+1 : i+4])
	}
	return strings.Join(lines, "\n")
}

// TestLargeMaps finds every entry of maps of many tables or buckets, of large keys
// and values, and of maps whose entries were deleted.
func TestLargeMaps(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			rows := s.rows(`"main.largeMap"::goprint -l 0t10000`)
			entries := rows[0]["value"].([]any)
			for _, e := range entries {
				e := e.(map[string]any)
				key := int(e["key"].(float64))
				if want := fmt.Sprintf("v%d", key/3); e["value"] != want || key%3 != 0 || key < 2700 && key%9 == 0 {
					t.Errorf("entry %v = %v", key, e["value"])
				}
			}
			if len(entries) != 700 {
				t.Errorf("%d entries", len(entries))
			}
			broad := s.rows(`"main.broadMap"::goprint -l 0t100`)[0]["value"].([]any)
			seen := 0
			for _, e := range broad {
				e := e.(map[string]any)
				k, v := e["key"].([]any), e["value"].([]any)
				if i := k[0].(float64); v[19].(float64) != i*i || len(k) != 20 {
					t.Errorf("entry %v has %v", i, v)
				}
				seen++
			}
			if seen != 12 {
				t.Errorf("%d entries of large keys", seen)
			}
		})
	}
}

// TestChannelWaiters compares the queues of the channels with what the goroutines
// themselves say.
func TestChannelWaiters(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			want := map[string]bool{}
			for _, f := range []string{"main.receives", "main.selects"} {
				for _, row := range s.rows("::goroutines -u -f " + f) {
					if row["pc"] == f {
						want[fmt.Sprint(row["id"])] = true
					}
				}
			}
			got := map[string]bool{}
			ch := s.rows(`"main.unbuffered"::goprint`)[0]["value"].(map[string]any)
			for _, id := range ch["receivers"].([]any) {
				got[fmt.Sprint(id)] = true
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) != 20 {
				t.Errorf("receivers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGotype(t *testing.T) {
	s := open(t, "gort/default")
	if got, want := s.run("::gotype main.cat"), "main.cat: struct of 24 bytes\n         0 name string\n        16 lives int8\n"; got != want {
		t.Errorf("by name: %q", got)
	}
	for _, name := range subjects {
		s := open(t, name)
		// The interface's first word is an itab, whose type leads on.
		got := s.run(`**"main.keepers"::gotype`)
		if want := "main.keeper holding *main.cat: ptr of 8 bytes, of main.cat\n"; !strings.HasSuffix(got, want) {
			t.Errorf("%s: by itab: %q", name, got)
		}
	}
	if _, errs := s.try("0x1234::gotype"); !strings.Contains(errs, "0x1234") {
		t.Errorf("of no type: %q", errs)
	}
}
