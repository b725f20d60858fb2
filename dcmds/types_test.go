package dcmds

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
)

// image is a target that is nothing but memory from address 0.
type image struct{ *mem.File }

func (image) Kind() string         { return "raw" }
func (image) Name() string         { return "image" }
func (image) Close() error         { return nil }
func (i image) Virtual() mem.Space { return i.File }

// session runs commands on a memory image and gives what they print, warnings
// among it.
func session(t testing.TB, memory []byte) (s *core.Session, run func(string) string) {
	t.Helper()
	var b bytes.Buffer
	s = core.NewSession("mdb", &b, &b)
	s.Eval = interp.New(s)
	m := Module()
	if errs := s.Reg.Add(m, false); len(errs) > 0 {
		t.Fatal(errs)
	}
	s.Context().Target = image{&mem.File{R: bytes.NewReader(memory), Size: int64(len(memory))}}
	return s, func(cmds string) string {
		b.Reset()
		// A failed command's text is what is looked at.
		_ = s.Eval.Source(context.Background(), s, strings.NewReader(cmds), "test")
		s.Out.Flush()
		return b.String()
	}
}

const nodeType = "::typedef -c LP64\n" +
	`::typedef "struct node { struct node *next; int val; char name[4]; }" node_t` + "\n"

// nodes lays out list nodes of 16 bytes from address 0x10, each linked to the
// address in next.
func nodes(next ...uint64) []byte {
	b := make([]byte, 16*(len(next)+1))
	for i, n := range next {
		at := b[16*(i+1):]
		binary.LittleEndian.PutUint64(at, n)
		binary.LittleEndian.PutUint32(at[8:], uint32(i-1))
		copy(at[12:], fmt.Sprintf("n%d", i))
	}
	return b
}

func TestTypedPipes(t *testing.T) {
	_, run := session(t, nodes(0x20, 0x30, 0))
	if got := run(nodeType); got != "" {
		t.Fatal(got)
	}
	for cmd, want := range map[string]string{
		"10::list node_t next":                                                    "10\n20\n30\n",
		"10::list struct node next | ::print val":                                 "val = 0xffffffff\nval = 0\nval = 0x1\n",
		"10::list node_t next | ::print -d val name":                              "val = -0t1\nname = [ \"n0\" ]\nval = 0\nname = [ \"n1\" ]\nval = 1\nname = [ \"n2\" ]\n",
		"10::list node_t next | ::print node_t val | ::sum":                       "100000000\n",
		"10::list node_t next | ::print node_t val next | ::count":                "6\n",
		"10::list node_t next | ::print node_t next | ::grep \".!=0\"":            "20\n30\n",
		"10::print node_t next | ::print val":                                     "val = 0\n",
		"10::print -a node_t name | ::print":                                      "[ \"n0\" ]\n",
		"10::list node_t next x | ::print node_t val | ::eval \"<x=X\"":           "                10              \n                20              \n                30              \n",
		"10::list node_t next | ::printf \"%3d|%-4s|%p\\n\" node_t val name next": " -1|n0  |20\n  0|n1  |30\n  1|n2  |0\n",
		"10::list node_t next | ::printf \"%d\\n\" val":                           "-1\n0\n1\n",
		"10::array node_t 3":                                                      "10\n20\n30\n",
		"10::array node_t 2 | ::print val":                                        "val = 0xffffffff\nval = 0\n",
		"10,3::print int":                                                         "0x20\n0\n0xffffffff\n",
		"5::print -i int":                                                         "0x5\n",
		"ffff::print -id short":                                                   "-0t1\n",
		"10::print node_t next->next->val":                                        "next->next->val = 0x1\n",
		"10::print node_t next->next->next->val":                                  "next->next->next->val = 0\n",
		"::sizeof node_t | =D":                                                    "                16              \n",
		"::offsetof node_t name | =D":                                             "                12              \n",
	} {
		if d := cmp.Diff(want, run(cmd+"\n")); d != "" {
			t.Errorf("%s: %s", cmd, d)
		}
	}
}

func TestListErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		next []uint64
		want string
	}{
		"ring":         {[]uint64{0x20, 0x30, 0x10}, "10\n20\n30\n"},
		"itself":       {[]uint64{0x10}, "10\n"},
		"loop":         {[]uint64{0x20, 0x30, 0x40, 0x20}, "10\n20\n30\n40\nmdb: list leads back to 20 without reaching its end\n"},
		"last to self": {[]uint64{0x20, 0x20}, "10\n20\nmdb: list leads back to 20 without reaching its end\n"},
		"bad link": {[]uint64{0x20, 0x5000},
			"10\n20\n5000\nmdb: failed to read next pointer from object 5000: cannot read past current end of file\n"},
	} {
		_, run := session(t, nodes(tc.next...))
		run(nodeType)
		if d := cmp.Diff(tc.want, run("10::list node_t next\n")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestTypedefFile(t *testing.T) {
	_, run := session(t, nodes(0))
	file := filepath.Join(t.TempDir(), "types")
	script := nodeType + "::typedef -w " + file + "\n::typedef -d\n::sizeof node_t\n::typedef -r " + file + "\n::sizeof node_t\n10::print -t node_t\n"
	want := "mdb: failed to look up type node_t: operation not supported by target\nsizeof (node_t) = 0x10\n" +
		"node_t {\n    struct node *next = 0\n    int val = 0xffffffff\n    char [4] name = [ \"n0\" ]\n}\n"
	if d := cmp.Diff(want, run(script)); d != "" {
		t.Error(d)
	}
}

func TestPrintJSON(t *testing.T) {
	s, run := session(t, nodes(0x20, 0))
	run(nodeType)
	s.Opts.JSON = true
	for cmd, want := range map[string]string{
		"10::print node_t":     `{"addr":"0x10","type":"node_t","value":{"next":"0x20","val":-1,"name":"n0"}}`,
		"10::print node_t val": `{"addr":"0x18","type":"int","member":"val","value":-1}`,
		"::sizeof node_t":      `{"type":"node_t","size":16}`,
		"28::print node_t":     `{"addr":"0x28","type":"node_t","value":{"next":"0x316e00000000","val":null,"val_error":"0x30: cannot read past current end of file","name":null,"name_error":"0x34: cannot read past current end of file"}}`,
	} {
		if d := cmp.Diff(want+"\n", run(cmd+"\n")); d != "" {
			t.Errorf("%s: %s", cmd, d)
		}
	}
}

func TestCompleteTypes(t *testing.T) {
	s, run := session(t, nil)
	run(nodeType)
	texts := func(cs []core.Candidate) (all []string) {
		for _, c := range cs {
			all = append(all, c.Text)
		}
		return all
	}
	for _, tc := range []struct {
		args []string
		word string
		want []string
	}{
		{nil, "node", []string{"node_t"}},
		{[]string{"struct"}, "no", []string{"node"}},
		{[]string{"-t", "node_t"}, "n", []string{"next", "name"}},
		{[]string{"node_t"}, "next->v", []string{"next->val"}},
		{[]string{"struct", "node"}, "next->next->na", []string{"next->next->name"}},
		{nil, "st", []string{"struct"}},
	} {
		if d := cmp.Diff(tc.want, texts(completeTypeMember(s, tc.args, tc.word))); d != "" {
			t.Errorf("%v %q: %s", tc.args, tc.word, d)
		}
	}
	if got := texts(completePrintf(s, []string{`"%d`, `%s\n"`, "node_t"}, "v")); !cmp.Equal(got, []string{"val"}) {
		t.Errorf("::printf: %v", got)
	}
}
