package btf

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/fixtures"
)

// openFile opens BTF of a file.
func openFile(t testing.TB, path string, opts Options) *File {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if opts.Name == "" {
		opts.Name = filepath.Base(path)
	}
	f, err := Open(r, opts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type member struct {
	Name, Type string
	Off        uint64
	Bits       uint32
}

func membersOf(t *ctype.Type) (out []member) {
	for _, m := range t.Members() {
		out = append(out, member{m.Name, m.Type.String(), m.Off, m.Bits})
	}
	return out
}

// The blobs in testdata were made of the .c files beside them:
//
//	gcc -g -c plain.c mod.c
//	pahole --btf_encode_detached=plain.btf plain.o
//	pahole --btf_base=plain.btf --btf_encode_detached=mod.btf mod.o
func TestBase(t *testing.T) {
	f := openFile(t, "testdata/plain.btf", Options{})
	node, err := f.Lookup("struct node")
	if err != nil {
		t.Fatal(err)
	}
	want := []member{
		{"next", "struct node *", 0, 0}, {"value", "long", 64, 0}, {"tag", "char [12]", 128, 0},
		{"a", "unsigned int", 224, 3}, {"b", "unsigned int", 227, 17},
	}
	if diff := cmp.Diff(want, membersOf(node)); diff != "" {
		t.Error(diff)
	}
	if node.Size() != 32 || node.Container() != ctype.Container(f) {
		t.Errorf("struct node: size %d in %v", node.Size(), node.Container())
	}
	kind, err := f.Lookup("enum kind")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ctype.Enumerator{{Name: "K_A", Value: -1}, {Name: "K_B", Value: 7}}, kind.Enums()); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{
		"long int": "long", "long": "long", "unsigned": "unsigned int", "char[3]": "char [3]",
		"union mixed *": "union mixed *", "void *": "void *", "double": "double",
	} {
		if ty, err := f.Lookup(name); err != nil || ty.String() != text {
			t.Errorf("%s: %v, %v", name, ty, err)
		}
	}
	for _, name := range []string{"struct mixed", "nosuch", "node", "sum"} {
		if _, err := f.Lookup(name); !errors.Is(err, ctype.ErrNoType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sum, err := f.SymbolType("sum", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := sum.Body()
	if sum.Kind() != ctype.Function || b.Elem.String() != "int" || len(b.Params) != 2 ||
		b.Params[0].Name != "n" || b.Params[0].Type.String() != "struct node *" || b.Variadic {
		t.Errorf("sum: %v with %+v", sum, b)
	}
	if _, err := f.SymbolType("nosuch", 0, 0); !errors.Is(err, ctype.ErrNoSymType) {
		t.Errorf("type of an unknown symbol: %v", err)
	}
}

// TestUnmarkedEnum clears the mark of the one signed enum in the blob, as blobs
// before Linux 6.0 have it.
func TestUnmarkedEnum(t *testing.T) {
	b := read(t, "testdata/plain.btf")
	i := bytes.Index(b, []byte{2, 0, 0, 0x86, 4, 0, 0, 0}) // enum of 2 values, signed, 4 bytes
	if i < 0 {
		t.Fatal("the blob has no signed enum")
	}
	b[i+3] = 0x06
	f, err := Open(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	kind, err := f.Lookup("enum kind")
	if err != nil {
		t.Fatal(err)
	}
	if kind.Enums()[0].Value != -1 || kind.Body().Unsigned {
		t.Errorf("K_A is %d, unsigned %v", kind.Enums()[0].Value, kind.Body().Unsigned)
	}
}

func TestSplit(t *testing.T) {
	base := openFile(t, "testdata/plain.btf", Options{})
	f := openFile(t, "testdata/mod.btf", Options{Base: base})
	extra, err := f.Lookup("struct extra")
	if err != nil {
		t.Fatal(err)
	}
	want := []member{
		{"n", "struct node", 0, 0}, {"up", "struct extra *", 256, 0}, {"more", "int", 320, 0},
		{"gone", "struct absent *", 384, 0}, {"level", "enum level", 448, 0},
	}
	if diff := cmp.Diff(want, membersOf(extra)); diff != "" {
		t.Error(diff)
	}
	if got := extra.Members()[0].Type.Container(); got != ctype.Container(base) {
		t.Errorf("struct node belongs to %v", got.Label())
	}
	if got := extra.Container(); got != ctype.Container(f) {
		t.Errorf("struct extra belongs to %v", got.Label())
	}
	if k := extra.Members()[3].Type.Elem().Kind(); k != ctype.Forward {
		t.Errorf("struct absent is %v", k)
	}
	mixed, err := f.Lookup("union mixed")
	if err != nil || mixed.Container() != ctype.Container(base) {
		t.Errorf("union mixed through the split file: %v, %v", mixed, err)
	}
	twist, err := f.SymbolType("twist", 0, 0)
	if err != nil || !twist.Body().Variadic || len(twist.Body().Params) != 1 {
		t.Errorf("twist: %v, %v", twist, err)
	}
	if _, err := Open(bytes.NewReader(read(t, "testdata/mod.btf")), Options{}); err == nil {
		f, _ := Open(bytes.NewReader(read(t, "testdata/mod.btf")), Options{})
		if ty, err := f.Lookup("struct extra"); err == nil && len(ty.Members()) == 5 && ty.Members()[0].Type.String() == "struct node" {
			t.Error("split BTF was understood without its base")
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAgainstDWARF compares the BTF that pahole makes of a program with the DWARF
// it is made of.
func TestAgainstDWARF(t *testing.T) {
	fixtures.Need(t, "gcc", "pahole")
	path := filepath.Join(t.TempDir(), "prog")
	src, _ := filepath.Abs("../dwarf/testdata/types.c")
	run(t, "gcc", "-g", "-o", path, src)
	t.Setenv("LLVM_OBJCOPY", "objcopy") // pahole's own default is llvm-objcopy
	run(t, "pahole", "-J", path)
	f := openFile(t, path, Options{})
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := dwarf.New(r, dwarf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for want := range d.All() {
		if want.Kind() == ctype.Forward || want.Name() == "" || want.Kind() == ctype.Void || want.Name() == "local" {
			continue
		}
		got, err := f.Lookup(want.String())
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got.Kind() != want.Kind() || got.Size() != want.Size() || got.Name() != want.Name() {
			t.Errorf("%s: %v %q of %d bytes, want %v of %d", want, got.Kind(), got.Name(), got.Size(), want.Kind(), want.Size())
		}
		if diff := cmp.Diff(flatMembers(want), flatMembers(got)); diff != "" {
			t.Errorf("%s: %s", want, diff)
		}
		if diff := cmp.Diff(want.Enums(), got.Enums()); diff != "" {
			t.Errorf("%s: %s", want, diff)
		}
		compared++
	}
	if compared < 25 {
		t.Errorf("only %d types were compared", compared)
	}
}

// flatMembers is membersOf with arrays as BTF has them: of one dimension. The
// type of a member that is _Atomic pahole loses.
func flatMembers(t *ctype.Type) []member {
	ms := membersOf(t)
	for i := range ms {
		if ms[i].Name == "counter" {
			ms[i].Type = ""
		}
		if strings.Contains(ms[i].Type, "][") {
			n := uint64(1)
			for e := t.Members()[i].Type; e.Kind() == ctype.Array; e = e.Elem() {
				n *= e.Count()
			}
			ms[i].Type = ms[i].Type[:strings.IndexByte(ms[i].Type, '[')] + "[" + strconv.FormatUint(n, 10) + "]"
		}
	}
	return ms
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

const kernelBTF = "/sys/kernel/btf/vmlinux"

// kernelFile gives a file with a kernel's BTF: the running kernel's, or where it
// has none the one in the test data of the library.
func kernelFile(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(kernelBTF); err == nil {
		return kernelBTF
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, testKernel(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testData is the library's directory of test data, which comes with the module.
func testData(t *testing.T) string {
	t.Helper()
	dir := strings.TrimSpace(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf"))
	return filepath.Join(dir, "btf", "testdata")
}

// testKernel is the BTF of a kernel from the library's test data.
func testKernel(t *testing.T) []byte {
	t.Helper()
	z, err := os.Open(filepath.Join(testData(t), "vmlinux.btf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	g, err := gzip.NewReader(z)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := io.ReadAll(g)
	if err != nil {
		t.Fatal(err)
	}
	return kernel
}

// TestKernel reads a kernel's BTF and compares sizes and offsets of some structures
// with pahole.
func TestKernel(t *testing.T) {
	kernel := kernelFile(t)
	start := time.Now()
	f := openFile(t, kernel, Options{Name: "vmlinux"})
	opened := time.Since(start)
	task, err := f.Lookup("struct task_struct")
	if err != nil {
		t.Fatal(err)
	}
	m, err := task.FindMember("pid")
	if err != nil || m.Type.String() != "pid_t" || task.Size() < 1024 {
		t.Errorf("pid: %+v, %v; size %d", m, err, task.Size())
	}
	t.Logf("open %v, first type %v", opened, time.Since(start)-opened)
	for _, name := range []string{"unsigned long", "u64", "pid_t", "struct list_head *", "enum pid_type", "size_t"} {
		if _, err := f.Lookup(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	fixtures.Need(t, "pahole")
	sizes := regexp.MustCompile(`/\* size: (\d+), cachelines: \d+, members: (\d+)`)
	for _, name := range []string{"task_struct", "mm_struct", "sk_buff", "page", "inode", "file", "net_device"} {
		out, err := exec.Command("pahole", "-F", "btf", "-C", name, kernel).Output()
		found := sizes.FindAllStringSubmatch(string(out), -1)
		if err != nil || len(found) == 0 {
			t.Errorf("pahole says nothing of %s: %v", name, err)
			continue
		}
		last := found[len(found)-1]
		ty, err := f.Lookup("struct " + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strconv.FormatUint(ty.Size(), 10); got != last[1] {
			t.Errorf("%s: size %s, pahole says %s", name, got, last[1])
		}
	}
}

// TestDistilled reads a module with a distilled base, from the test data of the
// library, with and without the kernel's BTF.
func TestDistilled(t *testing.T) {
	data, kernel := testData(t), testKernel(t)
	vmlinux, err := Open(bytes.NewReader(kernel), Options{Name: "vmlinux"})
	if err != nil {
		t.Fatal(err)
	}
	module := elfWith(map[string][]byte{
		".BTF":      read(t, filepath.Join(data, "btf_testmod.btf")),
		".BTF.base": read(t, filepath.Join(data, "btf_testmod.btf.base")),
	})
	for _, base := range []*File{vmlinux, nil} {
		f, err := Open(bytes.NewReader(module), Options{Name: "btf_testmod", Base: base})
		if err != nil {
			t.Fatal(err)
		}
		own, foreign := 0, 0
		for ty := range f.All() {
			for _, m := range ty.Members() {
				at := m.Type.Container()
				switch {
				case at == ctype.Container(f):
					own++
				case base != nil && at == ctype.Container(base):
					foreign++
				}
			}
		}
		if own == 0 || (foreign > 0) != (base != nil) {
			t.Errorf("with base %v: %d members of own types, %d of the base's", base != nil, own, foreign)
		}
	}
}

// elfWith makes an ELF file of sections.
func elfWith(sections map[string][]byte) []byte {
	le := binary.LittleEndian
	h := make([]byte, 64)
	copy(h, "\x7fELF\x02\x01\x01")
	le.PutUint16(h[16:], 1)  // ET_REL
	le.PutUint16(h[18:], 62) // EM_X86_64
	le.PutUint32(h[20:], 1)
	le.PutUint16(h[52:], 64)
	le.PutUint16(h[58:], 64)
	names := []byte("\x00.shstrtab\x00")
	headers := [][]byte{make([]byte, 64)}
	add := func(name uint32, typ uint32, data []byte) {
		s := make([]byte, 64)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], typ)
		le.PutUint64(s[24:], uint64(len(h)))
		le.PutUint64(s[32:], uint64(len(data)))
		headers = append(headers, s)
		h = append(h, data...)
	}
	for name, data := range sections {
		at := uint32(len(names))
		names = append(names, name+"\x00"...)
		add(at, 1, data)
	}
	add(1, 3, names)
	le.PutUint64(h[40:], uint64(len(h)))
	le.PutUint16(h[60:], uint16(len(headers)))
	le.PutUint16(h[62:], uint16(len(headers)-1))
	for _, s := range headers {
		h = append(h, s...)
	}
	return h
}

func FuzzOpen(f *testing.F) {
	plain := read(f, "testdata/plain.btf")
	mod := read(f, "testdata/mod.btf")
	f.Add(plain)
	f.Add(mod)
	f.Add(plain[:100])
	f.Add(newBlob(3, true))
	f.Add(elfWith(map[string][]byte{".BTF": mod, ".BTF.base": plain}))
	base, err := Open(bytes.NewReader(plain), Options{Name: "base"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, opts := range []Options{{}, {Base: base}} {
			file, err := Open(bytes.NewReader(b), opts)
			if (err == nil) != (file != nil) {
				t.Fatalf("file %v, error %v", file, err)
			}
			if err != nil {
				continue
			}
			n := 0
			for ty := range file.All() {
				_ = ty.String()
				ty.Size()
				membersOf(ty)
				if n++; n > 1000 {
					break
				}
			}
			_, _ = file.Lookup("struct node *")
			_, _ = file.SymbolType("sum", 0, 0)
		}
	})
}

// TestRefuses opens what is no BTF.
func TestRefuses(t *testing.T) {
	many := bytes.Clone(read(t, "testdata/plain.btf")[:24])
	le := binary.LittleEndian
	types := make([]byte, 12*(maxTypes+1))
	for i := range maxTypes + 1 { // pointers, each to the next
		le.PutUint32(types[12*i+4:], 2<<24)
		le.PutUint32(types[12*i+8:], uint32(i+2))
	}
	le.PutUint32(many[8:], 0)
	le.PutUint32(many[12:], uint32(len(types)))
	le.PutUint32(many[16:], uint32(len(types)))
	le.PutUint32(many[20:], 1)
	many = append(append(many, types...), 0)
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"text":           []byte("this is no BTF at all, is it?"),
		"too many types": many,
		"ELF without":    elfWith(map[string][]byte{".text": {1}}),
		"broken ELF":     []byte("\x7fELF\x02\x01\x01 and then nothing"),
	} {
		if f, err := Open(bytes.NewReader(b), Options{}); err == nil {
			t.Errorf("%s: opened: %v", name, f)
		}
	}
	if _, err := Open(bytes.NewReader(elfWith(map[string][]byte{".text": {1}})), Options{}); !errors.Is(err, ErrNoBTF) {
		t.Errorf("ELF file without BTF: %v", err)
	}
}
