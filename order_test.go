// Package xmdb_test keeps the order of imports that docs/architecture.md gives.
package xmdb_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/xmdb/xmdb/"

// coreOrder is core from top to bottom: a package imports only packages below
// it. "core" itself is the second.
var coreOrder = []string{"interp", "core", "system", "value", "unwind", "arch", "ctype", "sym",
	"mem", "out", "lang", "line", "store"}

// above lists, for each part of the tree, the parts that it may import.
var above = map[string][]string{
	"core":     {"core"},
	"targets":  {"core", "targets"},
	"dcmds":    {"core", "dcmds"},
	"modules":  {"core", "modules"},
	"lua":      {"core", "lua"},
	"cmd":      {"core", "targets", "dcmds", "modules", "lua", "cmd"},
	"fixtures": {"core", "fixtures"},
}

// part returns the first element of a path inside the module, and the second.
func part(path string) (first, second string) {
	first, rest, _ := strings.Cut(path, "/")
	second, _, _ = strings.Cut(rest, "/")
	return first, second
}

// coreRank returns the place of a package of core in coreOrder, or -1.
func coreRank(path string) int {
	if path == "core" {
		return slices.Index(coreOrder, "core")
	}
	_, second := part(path)
	if second == "core" {
		return -1
	}
	return slices.Index(coreOrder, second)
}

// breach says what is wrong with from importing to, both inside the module, or
// nothing.
func breach(from, to string) string {
	fromPart, fromSub := part(from)
	toPart, toSub := part(to)
	may, known := above[fromPart]
	switch {
	case !known:
		return "is in no known part of the tree"
	case !slices.Contains(may, toPart):
		return fromPart + " may import only " + strings.Join(may, ", ")
	case fromPart == "targets" && toPart == "targets" && fromSub != toSub:
		return "targets never import one another"
	case fromPart != "core" || toPart != "core":
		return ""
	}
	a, b := coreRank(from), coreRank(to)
	switch {
	case a < 0 || b < 0:
		return "is not in the order of core"
	case a > b:
		return coreOrder[a] + " is below " + coreOrder[b]
	}
	return ""
}

func TestImportOrder(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ours := 0
	for dec := json.NewDecoder(out); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from, inside := strings.CutPrefix(p.ImportPath, module)
		if !inside {
			continue
		}
		ours++
		for _, imp := range p.Imports {
			if to, inside := strings.CutPrefix(imp, module); inside {
				if why := breach(from, to); why != "" {
					t.Errorf("%s imports %s: %s", from, to, why)
				}
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if ours < 5 {
		t.Errorf("go list named %d packages of ours", ours)
	}
}

// TestBreach checks the checker.
func TestBreach(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"core/interp", "core", true},
		{"core", "core/interp", false},
		{"core", "core/mem", true},
		{"core/mem", "core", false},
		{"core/ctype/dwarf", "core/ctype", true},
		{"core/ctype", "core/ctype/dwarf", true},
		{"core/mem", "core/ctype/dwarf", false},
		{"core/store", "core/line", false},
		{"core/unlisted", "core/mem", false},
		{"core/core", "core/mem", false},
		{"core/mem", "dcmds", false},
		{"core/lang", "targets/elfcore", false},
		{"targets/elfcore", "core/mem", true},
		{"targets/elfcore", "targets/object", false},
		{"targets/elfcore", "targets/elfcore/notes", true},
		{"targets/elfcore", "fixtures", false},
		{"dcmds", "core", true},
		{"dcmds", "modules/libc", false},
		{"modules/libc", "targets/elfcore", false},
		{"lua", "core/value", true},
		{"lua", "cmd/app", false},
		{"cmd/app", "targets/elfcore", true},
		{"cmd/app", "fixtures", false},
		{"attic", "core", false},
	} {
		if got := breach(c.from, c.to); (got == "") != c.ok {
			t.Errorf("%s imports %s: %q, want ok %v", c.from, c.to, got, c.ok)
		}
	}
}
