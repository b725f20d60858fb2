package dcmds

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// withNumbers adds a walker over 5, 3, 5, 5, 1 to a session.
func withNumbers(s *core.Session) {
	s.Reg.Add(&core.Module{Name: "numbers", Walkers: []*core.Walker{
		{Name: "numbers", Descr: "walk some numbers", Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			return func(yield func(core.Elem, error) bool) {
				for _, v := range []uint64{5, 3, 5, 5, 1} {
					if !yield(core.Elem{Val: v}, nil) {
						return
					}
				}
			}
		}},
		{Name: "broken", Addr: core.AddrRequired, Walk: func(c *core.Ctx, a mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			return func(yield func(core.Elem, error) bool) {
				_ = yield(core.Elem{Val: 1}, nil) && yield(core.Elem{}, mem.Fault(a, mem.ErrUnmapped))
			}
		}},
	}}, false)
}

func TestLanguageDcmds(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"::walk numbers", "5\n3\n5\n5\n1\n"},
		{"::walk numbers | ::count", "5\n"},
		{"::walk numbers | ::sum", "13\n"},
		{"::walk numbers | ::sum .*2", "26\n"},
		{"::walk numbers | ::sort | ::uniq | ::map .", "1\n3\n5\n"},
		{"::walk numbers | ::sort -r | ::head -2", "5\n5\n"},
		{"::walk numbers | ::sort 8-. | ::uniq", "5\n3\n1\n"},
		{"::walk numbers | ::tail -n 2", "5\n1\n"},
		{"::walk numbers | ::head -0", ""},
		{"::walk numbers | ::head -x", "Usage: head -num|-n num\nmdb: try '::help head' for more information\n"},
		{"::walk numbers | ::grep .==5 | ::count", "3\n"},
		{"::walk numbers v | ::map .+1 | ::eval \"<v=D\" ! tr -s ' ' | sort -u", " 1 \n 3 \n 5 \n"},
		{"::walk nope", "mdb: failed to perform walk: unknown walk name\n"},
		{"::walk broken", "mdb: failed to perform walk: walker requires starting address\n"},
		{"1::walk numbers", "mdb: failed to perform walk: walker does not accept starting address\n"},
		{"::walk numbers thread", "mdb: variable thread is read-only\n"},
		{"::walk numbers a+b", "mdb: '+' may not be used in a variable name\n"},
		{"::count", "Usage: count \nmdb: try '::help count' for more information\n"},
		{"::which walk numbers stacktrace nope", "walk is a built-in dcmd\nnumbers is a walker from module numbers\n" +
			"stacktrace is a macro alias for '::stackregs'\nmdb: nope not found\n"},
		{"::which -v numbers`numbers", "numbers`numbers is a walker from module numbers\n   >  definition list:\n  [1] numbers`numbers\n"},
		{"::dmods", "mdb\nnumbers\n"},
		{"::dmods nope", "mdb: nope module not loaded\n"},
		{"::unload numbers;::dmods", "mdb\n"},
		{"::unload mdb", "mdb: failed to unload mdb: cannot unload built-in module\n"},
		{"::load nope", "mdb: no module 'nope' could be found\n"},
		{"::load -s nope", ""},
		{"::walkers numb", "numbers                  - walk some numbers\n"},
		{"::dcmds -n \"^echo$\"", "echo                     - echo arguments\n"},
		{"::typeset -t a b;5::typeset c;::vars -t;<c=D", "a = 0\nb = 0\n                5               \n"},
		{"::typeset a;5::typeset a;::vars -pn ! grep a", "5>a\n"},
		{"::typeset +x", "Usage: typeset [+/-t] var ...\n"},
		{"::unset nope", "mdb: variable 'nope' not defined\n"},
		{"10$s;$s", "symbol matching distance = 10 (absolute mode)\nsymbol matching distance = 10 (absolute mode)\n"},
		{"::set -s 0;$s", "symbol matching distance = 0 (smart mode)\n"},
		{"::set +o pager -o repeatlast,ignoreeof -P \"x> \";::set ! grep -e options -e prompt",
			"           command prompt: \"x> \"\n         debugger options: follow_exec_mode=ask, follow_fork_modeask, ignoreeof, repeatlast, stop_on_bpt_nosym, write_readback\n           target options: read-only\n"},
		{"::set -x", "mdb: illegal option -- x\nUsage: set [-wFW] [+/-o opt] [-s dist] [-I path] [-L path] [-P prompt]\n"},
		{"::set -o array_mem_limit", "mdb: option requires an argument -- array_mem_limit\n"},
		{"::set -o pager=1", "mdb: option does not accept an argument -- pager\n"},
		{"::set -o array_mem_limit=x", "mdb: invalid argument for option array_mem_limit -- x\n"},
		{"$D", "debugging mode = 0x0000\n"},
		{"$D walk,tgt", "debugging mode = 0x0900\n"},
		{"::echo a $[10] \"b c\"", "a 10 b c \n"},
		{"$a;::obey", "No adb here\nNo Language H here\n"},
		{"$V ia32;$V", "disassembly mode is ia32 (Intel 32-bit disassembler)\ndisassembly mode is ia32 (Intel 32-bit disassembler)\n"},
		{"$V", "disassembly mode is default (default no-op disassembler)\n"},
		{"$V nope", "mdb: failed to set disassembly mode: unknown disassembler name\n"},
		{"::help nope", "mdb: unknown command: nope\n"},
		{"$g", "mdb: C++ demangling facility is currently disabled\n"},
		{"$G;c$g ! cut -c1-10", "C++ symbol demangling enabled\n0x1     of\n0x2     of\n0x4     on\n0x8     on\n"},
		{"::dem _ZN2ns1fEi _ZNK1A1gEv plain", "_ZN2ns1fEi == ns::f\n_ZNK1A1gEv == A::g\nplain == plain\n"},
		{"::nmdel nope", "mdb: symbol 'nope' not found in private symbol table\n"},
		{"100::nmadd -s 8 -o a;::nm -P -p", "added a, value=100 size=8\n0x100::nmadd -o -s 8 a\n"},
		{"100::nmadd -e 80 a", "mdb: end (80) is less than start address (100)\nUsage: address::nmadd [-fo] [-e end] [-s size] name\nmdb: try '::help nmadd' for more information\n"},
		{"0::kgrep", "mdb: failed to iterate over mappings: operation not supported by target\n"},
		{"::log", "mdb: no log is active\n"},
		{"::eval ::log", "mdb: log may not be manipulated in this context\n"},
		{"$M ! head -2", "MACRO                NATIVE EQUIVALENT                                          \nbufctl               ::bufctl\n"},
		{"::bp a -n 3 -D;5,4:w ::echo hi;::events", "   ID S TA HT LM Description                              Action               \n" +
			"----- - -- -- -- ---------------------------------------- ----------------------\n" +
			"[ 1 ] -  D  0  3 stop at a                                -                    \n" +
			"[ 2 ] -     0  0 stop on write of [5, 9)                  ::echo hi            \n"},
		{"::sysbp -o read 0t59;::fltbp -T page;::events ! tail +3", "[ 1 ] -     0  0 stop on exit from read                   -                    \n" +
			"[ 2 ] -     0  0 stop on exit from execve                 -                    \n" +
			"[ 3 ] - T   0  0 stop on FLTPAGE                          -                    \n"},
		{"::sysbp nope;::sysbp -w open", "mdb: invalid system call name -- nope\nmdb: illegal option -- w\n" +
			"Usage: [address]::sysbp [+/-dDestT] [-io] [-c cmd] [-n count] syscall ...\nmdb: try '::help sysbp' for more information\n"},
		{"::sysbp 0t9999;::fltbp 0t14", "mdb: failed to trace system call 9999: invalid system call number\nmdb: failed to trace fault 14: invalid fault number\n"},
		{"$i ! cut -d' ' -f1-3", "HUP INT QUIT\n"},
		{"::gcore -o x", "mdb: failed to create core file: operation not supported by target\n"},
	} {
		s, run := session(t, nil)
		withNumbers(s)
		t.Setenv("SHELL", "/bin/sh")
		if diff := cmp.Diff(tt.want, run(tt.in+"\n")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.in, diff)
		}
	}
}

// The order of ::vars is that of MDB's hash table: buckets of names in turn, in
// a bucket the newest first.
func TestTableOrder(t *testing.T) {
	same := func(s string) string { return s }
	if got := tableOrder([]string{"b", "a", "c"}, same); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v", got)
	}
	// rax and 2 have hashes 211 apart or equal modulo 211 with others of the
	// observed list; more names than buckets make the table grow.
	var names []string
	for i := range 400 {
		names = append(names, strings.Repeat("v", i%7)+string(rune('a'+i%26))+strings.Repeat("x", i/26))
	}
	got := tableOrder(names, same)
	if len(got) != len(names) {
		t.Fatalf("%d of %d names", len(got), len(names))
	}
	var size uint64 = firstBuckets
	for uint64(len(names)) > size+1 {
		size = size<<1 - 1
	}
	for i := 1; i < len(got); i++ {
		if varHash(got[i-1])%size > varHash(got[i])%size {
			t.Fatalf("%s before %s", got[i-1], got[i])
		}
	}
}

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	_, run := session(t, nil)
	out := run("::log " + path + "\n1=X\n::log\n::log -d\n2=X\n::log -e\n::nope\n$>\n::log -d\n")
	for _, want := range []string{"logging to \"" + path + "\"\n", "is currently enabled\n", "logging is already disabled"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log := string(text)
	if !strings.Contains(log, "1=X\n                1 ") || strings.Contains(log, "2=X") || !strings.Contains(log, "unknown dcmd name") {
		t.Errorf("log: %q", log)
	}
}

func TestHelpPage(t *testing.T) {
	_, run := session(t, nil)
	want := `
NAME
  nmadd - add name to private symbol table

SYNOPSIS
  addr ::nmadd [-fo] [-e end] [-s size] name

DESCRIPTION
  -f       set type of symbol to STT_FUNC
`
	got := run("::help ::nmadd\n")
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
	if !strings.HasSuffix(got, "ATTRIBUTES\n\n  Target: raw\n  Module: mdb\n  Interface Stability: Evolving\n\n") {
		t.Errorf("got %s", got)
	}
}

// Every dcmd that says it takes no address refuses one, and every one has a
// usage message.
func TestUsageOfAll(t *testing.T) {
	for _, d := range Module().Dcmds {
		if d.AddrMode() != core.AddrNone || d.AnyAddr {
			continue
		}
		_, run := session(t, nil)
		name := "::" + d.Name
		if strings.IndexByte("$:", d.Name[0]) >= 0 {
			name = d.Name
		}
		if got := run("1" + name + "\n"); !strings.HasPrefix(got, "Usage: "+d.Name+" ") {
			t.Errorf("%s: %q", d.Name, got)
		}
	}
}
