package unwind

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind/cfi"
	"github.com/xmdb/xmdb/fixtures"
)

// region is mapped memory of a test core.
type region struct {
	base uint64
	data []byte
	exec bool
}

// image is a Linux amd64 core opened the short way: segments, mapped files and
// threads' registers. It is a mem.Space and Tables.
type image struct {
	segs    []region // of the core, which hide the files
	files   []region
	objects []*object
	threads []Regs
	tids    []uint32
}

type object struct {
	path      string
	base, end uint64
	bias      uint64
	table     *cfi.Table
}

func (im *image) ReadAt(p []byte, a mem.Addr) (int, error) {
	n := 0
	for n < len(p) {
		got := readRegions(im.segs, p[n:], uint64(a)+uint64(n))
		if got == 0 {
			got = readRegions(im.files, p[n:], uint64(a)+uint64(n))
		}
		if got == 0 {
			return n, mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
		}
		n += got
	}
	return n, nil
}

func readRegions(rs []region, p []byte, a uint64) int {
	i := sort.Search(len(rs), func(i int) bool { return rs[i].base > a }) - 1
	if i < 0 || a-rs[i].base >= uint64(len(rs[i].data)) {
		return 0
	}
	return copy(p, rs[i].data[a-rs[i].base:])
}

func (im *image) CFI(pc uint64) (*cfi.Table, uint64, bool) {
	for _, o := range im.objects {
		if pc >= o.base && pc < o.end {
			return o.table, o.bias, o.table != nil
		}
	}
	return nil, 0, false
}

func (im *image) Executable(pc uint64) bool {
	for _, rs := range [][]region{im.segs, im.files} {
		i := sort.Search(len(rs), func(i int) bool { return rs[i].base > pc }) - 1
		if i >= 0 && pc-rs[i].base < uint64(len(rs[i].data)) && rs[i].exec {
			return true
		}
	}
	return false
}

// openCore opens a core whose files are all there.
func openCore(t testing.TB, path string) *image {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im := &image{}
	var flags []region // every mapping, to know which are executable
	for _, p := range f.Progs {
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil && p.Filesz > 0 {
			t.Fatal(err)
		}
		switch p.Type {
		case elf.PT_LOAD:
			flags = append(flags, region{p.Vaddr, make([]byte, p.Memsz), p.Flags&elf.PF_X != 0})
			if len(b) > 0 {
				im.segs = append(im.segs, region{p.Vaddr, b, p.Flags&elf.PF_X != 0})
			}
		case elf.PT_NOTE:
			im.notes(t, b)
		}
	}
	for i := range im.files {
		for _, m := range flags {
			if im.files[i].base >= m.base && im.files[i].base < m.base+uint64(len(m.data)) {
				im.files[i].exec = m.exec
			}
		}
	}
	for _, rs := range [][]region{im.segs, im.files} {
		sort.Slice(rs, func(i, j int) bool { return rs[i].base < rs[j].base })
	}
	return im
}

func (im *image) notes(t testing.TB, b []byte) {
	le := binary.LittleEndian
	for len(b) >= 12 {
		nsz, dsz, typ := int(le.Uint32(b)), int(le.Uint32(b[4:])), le.Uint32(b[8:])
		desc := b[12+(nsz+3)&^3:][:dsz]
		b = b[12+(nsz+3)&^3+(dsz+3)&^3:]
		switch typ {
		case 1: // NT_PRSTATUS: pid at 32, registers at 112
			order := []int{15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5, -1, 16, 51, 49, 7}
			var r Regs
			for i, n := range order {
				r.Set(n, le.Uint64(desc[112+8*i:]))
			}
			im.threads = append(im.threads, r)
			im.tids = append(im.tids, le.Uint32(desc[32:]))
		case 0x46494c45: // NT_FILE
			im.mapFiles(t, desc)
		}
	}
}

func (im *image) mapFiles(t testing.TB, desc []byte) {
	le := binary.LittleEndian
	count, page := le.Uint64(desc), le.Uint64(desc[8:])
	names := bytes.Split(desc[16+24*count:], []byte{0})
	for i := range count {
		start, end, off := le.Uint64(desc[16+24*i:]), le.Uint64(desc[24+24*i:]), le.Uint64(desc[32+24*i:])*page
		path := string(names[i])
		b, err := os.ReadFile(path)
		if err != nil || off > uint64(len(b)) {
			continue
		}
		im.files = append(im.files, region{base: start, data: b[off:min(off+end-start, uint64(len(b)))]})
		im.addObject(t, path, start, end, off)
	}
}

func (im *image) addObject(t testing.TB, path string, start, end, off uint64) {
	for _, o := range im.objects {
		if o.path == path {
			o.end = max(o.end, end)
			return
		}
	}
	f, err := elf.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	o := &object{path: path, base: start, end: end, bias: start - off}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			o.bias = start - off - (p.Vaddr-p.Off)&^0xfff
			break
		}
	}
	cfg := cfi.Config{PtrSize: 8, Order: binary.LittleEndian}
	for name, s := range map[string]*cfi.Section{".eh_frame": &cfg.EHFrame, ".eh_frame_hdr": &cfg.EHFrameHdr, ".debug_frame": &cfg.DebugFrame} {
		if e := f.Section(name); e != nil {
			b, err := e.Data()
			if err != nil {
				t.Fatal(err)
			}
			*s = cfi.Section{Addr: e.Addr, Data: b}
		}
	}
	if o.table, err = cfi.New(cfg); err != nil {
		t.Fatal(err)
	}
	im.objects = append(im.objects, o)
}

// gdbFrame is a frame as gdb has it: pc, sp, rbp, rbx, r12 to r15.
type gdbFrame [8]uint64

// gdbRegs are the DWARF numbers of a gdbFrame's registers.
var gdbRegs = [8]int{16, 7, 6, 3, 12, 13, 14, 15}

// compile builds a C program.
func compile(t testing.TB, src string, flags ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("programs are compiled on linux/amd64")
	}
	fixtures.Need(t, "gcc")
	dir := t.TempDir()
	in, prog := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(in, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", append([]string{"-o", prog, in, "-pthread"}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return prog
}

// makeCore runs a program under gdb until its signals are spent but one, and gives
// the path of a core and gdb's frames of every thread by LWP. signals is how many
// the program survives.
func makeCore(t testing.TB, prog string, signals int) (string, map[uint32][]gdbFrame) {
	t.Helper()
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("missing tool: gdb")
	}
	core := filepath.Join(filepath.Dir(prog), "core")
	var args []string
	do := func(cmd string) { args = append(args, "-ex", cmd) }
	do("set pagination off")
	do("set debuginfod enabled off")
	do("set debug-file-directory /nonexistent")
	do("run")
	for range signals {
		do("continue")
	}
	do("set backtrace past-main on")
	do("set backtrace past-entry on")
	do("gcore " + core)
	do(`thread apply all frame apply all -q -c printf "FRAME %#lx %#lx %#lx %#lx %#lx %#lx %#lx %#lx\n",$pc,$sp,$rbp,$rbx,$r12,$r13,$r14,$r15`)
	do("kill")
	out, err := exec.Command("gdb", append(append([]string{"-nx", "-batch"}, args...), prog)...).CombinedOutput()
	if err != nil {
		t.Fatalf("gdb: %v\n%s", err, out)
	}
	if _, err := os.Stat(core); err != nil {
		t.Skipf("missing tool: a gdb that is allowed to trace; it wrote no core:\n%s", out)
	}
	return core, parseGDB(t, string(out))
}

var gdbThreadLine = regexp.MustCompile(`^Thread \d+ \(.*?(?:LWP|process) (\d+)`)

func parseGDB(t testing.TB, out string) map[uint32][]gdbFrame {
	frames := map[uint32][]gdbFrame{}
	var lwp uint32
	for line := range strings.Lines(out) {
		if m := gdbThreadLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseUint(m[1], 10, 32)
			lwp = uint32(n)
		}
		f := strings.Fields(line)
		if len(f) != 9 || f[0] != "FRAME" {
			continue
		}
		var g gdbFrame
		for i := range g {
			v, err := strconv.ParseUint(f[i+1], 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			g[i] = v
		}
		frames[lwp] = append(frames[lwp], g)
	}
	return frames
}

// collect walks a stack.
func collect(u *Unwinder, r Regs) (frames []Frame, err error) {
	for f, e := range u.Frames(context.Background(), r) {
		if e != nil {
			return frames, e
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func describe(frames []Frame) string {
	var b strings.Builder
	for i := range frames {
		f := &frames[i]
		fmt.Fprintf(&b, "%3d pc %#x sp %#x fp %#x cfa %#x %v signal=%v\n", f.Level, f.PC, f.SP, f.FP, f.CFA, f.Source, f.Signal)
	}
	return b.String()
}
