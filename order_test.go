// Package xmdb_test keeps the order of imports that docs/architecture.md gives.
package xmdb_test

import (
	"bytes"
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
var coreOrder = []string{"interp", "core", "control", "system", "value", "unwind", "arch", "ctype", "sym",
	"mem", "out", "lang", "line", "store", "lz"}

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
	case fromPart == "cmd" && to == "fixtures/sample":
		return "" // the sample that ships in the binary
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

// A listed is a package as go list shows it.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// packages lists the packages of this module and, without their tests, all that
// they depend on.
func packages(t *testing.T) []listed {
	t.Helper()
	fields := "-json=ImportPath,Imports,TestImports,XTestImports"
	out, err := exec.Command("go", "list", "-deps", "-e", fields, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, module) {
			all = append(all, p)
		}
	}
	if len(all) < 5 {
		t.Fatalf("go list named %d packages of ours", len(all))
	}
	return all
}

func TestImportOrder(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			if to, inside := strings.CutPrefix(imp, module); inside {
				if why := breach(from, to); why != "" {
					t.Errorf("%s imports %s: %s", from, to, why)
				}
			}
		}
	}
}

// dependencies are the modules that the tree may use, by the start of an import
// path, and where: "" is anywhere, "test" only in tests.
var dependencies = map[string][]string{
	"github.com/go-delve/delve/pkg/dwarf/frame":        {"test"},
	"github.com/go-delve/delve/pkg/dwarf/dwarfbuilder": {"test"},
	"github.com/go-delve/delve/pkg/dwarf":              {"core"},
	"golang.org/x/arch":                                {"core/arch"},
	"github.com/chzyer/readline":                       {"core/line"},
	"github.com/yuin/gopher-lua":                       {"lua"},
	"github.com/cilium/ebpf/btf":                       {"core/ctype"},
	"github.com/ianlancetaylor/demangle":               {"core/sym"},
	"github.com/klauspost/compress":                    {""},
	"github.com/ulikunitz/xz":                          {""},
	"golang.org/x/sys":                                 {"targets", "core/mem"},
	"github.com/rogpeppe/go-internal":                  {"test"},
	"github.com/google/go-cmp":                         {"test"},
	"github.com/creack/pty":                            {"test"},
}

// foreign says what is wrong with from importing another module's package imp.
func foreign(from, imp string, inTest bool) string {
	best := ""
	for prefix := range dependencies {
		if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		return "is not among the dependencies that were agreed on"
	}
	for _, where := range dependencies[best] {
		if where == "" || inTest || strings.HasPrefix(from+"/", where+"/") {
			return ""
		}
	}
	return "may be used only in " + strings.Join(dependencies[best], ", ")
}

func TestDependencies(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		check := func(imports []string, inTest bool) {
			for _, imp := range imports {
				first, _, _ := strings.Cut(imp, "/")
				if !strings.Contains(first, ".") || strings.HasPrefix(imp, module) {
					continue
				}
				if why := foreign(from, imp, inTest); why != "" {
					t.Errorf("%s imports %s, which %s", from, imp, why)
				}
			}
		}
		check(p.Imports, false)
		check(append(p.TestImports, p.XTestImports...), true)
	}
	if foreign("core/arch/x86", "golang.org/x/arch/x86/x86asm", false) != "" ||
		foreign("cmd/app", "golang.org/x/arch/x86/x86asm", false) == "" ||
		foreign("core/mem", "github.com/google/go-cmp/cmp", false) == "" ||
		foreign("core/mem", "github.com/google/go-cmp/cmp", true) != "" ||
		foreign("core/mem", "example.org/left-pad", true) == "" {
		t.Error("the checker lets through what it should not, or the other way round")
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
		{"cmd/app", "fixtures/sample", true},
		{"dcmds", "fixtures/sample", false},
		{"attic", "core", false},
	} {
		if got := breach(c.from, c.to); (got == "") != c.ok {
			t.Errorf("%s imports %s: %q, want ok %v", c.from, c.to, got, c.ok)
		}
	}
}
