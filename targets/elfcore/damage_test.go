package elfcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
)

// exercise asks everything of a target and bounds what the answers may be.
func exercise(t *testing.T, tg *opened) {
	var b [64]byte
	for i, m := range tg.Mappings() {
		if i > 200 {
			break
		}
		tg.Virtual().ReadAt(b[:], m.Base)
		tg.Virtual().ReadAt(b[:], m.End()-32)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for i, th := range tg.Threads() {
		r, err := tg.Registers(th.ID)
		if err != nil || i > 20 {
			continue
		}
		n := 0
		for f := range tg.Frames(ctx, r) {
			tg.Namespace().Format(f.CodeAddr(), 0, 16)
			if n++; n > 1000 {
				break
			}
		}
	}
	for _, o := range tg.Namespace().Objects() {
		o.LookupName("main")
		tg.Info(o).Missing()
	}
	tg.Args()
	tg.Env()
	tg.Xdata()
	tg.Status(out.New(new(bytes.Buffer), &out.Env{}))
	tg.Warnings()
}

// TestMutations opens damaged views of a real core: an error or a partial
// session, never a panic, a hang or much memory.
func TestMutations(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	f, err := os.Open(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := f.Stat()
	opened := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for m := range fixtures.Mutations(1, f, st.Size()) {
		start := time.Now()
		tg, err := openAt("core", m, m.Size, Options{Files: system.NewFiles("")})
		if err == nil {
			opened++
			exercise(t, tg)
			tg.Close()
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%d (%s): took %v", m.Index, m.What, d)
		}
	}
	runtime.ReadMemStats(&after)
	if opened < fixtures.MutationCount/2 {
		t.Errorf("only %d of %d opened", opened, fixtures.MutationCount)
	}
	if per := (after.TotalAlloc - before.TotalAlloc) / fixtures.MutationCount; per > 64<<20 {
		t.Errorf("%d bytes allocated for each", per)
	}
	t.Logf("%d opened", opened)
}

// TestTruncated cuts a core at many lengths: what is there reads as before, what
// is not says that the file is truncated.
func TestTruncated(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	data, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	whole := openCore(t, s.Core, Options{Program: s.Exe})
	for i := range 40 {
		size := len(data) * i / 40
		tg, err := openAt("core", bytes.NewReader(data[:size]), int64(size), Options{Program: s.Exe})
		if err != nil {
			if size >= ehdrSize {
				t.Errorf("cut at %d: %v", size, err)
			}
			continue
		}
		defer tg.Close()
		if w := strings.Join(tg.Warnings(), "\n"); !strings.Contains(w, "truncated") && !strings.Contains(w, "damaged") {
			t.Errorf("cut at %d: warnings %q", size, w)
		}
		cut := 0
		for _, m := range whole.Mappings() {
			var want, got [8]byte
			if mem.ReadFull(whole.Virtual(), want[:], m.Base) != nil {
				continue
			}
			err := mem.ReadFull(tg.Virtual(), got[:], m.Base)
			switch {
			case err == nil && got != want:
				t.Errorf("cut at %d: %v reads %x, not %x", size, m.Base, got, want)
			case errors.Is(err, mem.ErrTruncated), errors.Is(err, mem.ErrNotDumped), errors.Is(err, mem.ErrUnmapped) && size < 4096:
				cut++
			case err != nil:
				t.Errorf("cut at %d: %v: %v", size, m.Base, err)
			}
		}
		if cut == 0 {
			t.Errorf("cut at %d: nothing is missing", size)
		}
	}
}

// TestFilesGone opens a core without the files it was of: the program's symbols
// come from the dynamic section in memory, or there are none; stacks are walked
// all the same.
func TestFilesGone(t *testing.T) {
	s := fixtures.Build(t, "c/full") // every page is in the core
	files := system.NewFiles(t.TempDir())
	data, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	// The files are there under their names, so change the names.
	data = bytes.ReplaceAll(data, []byte("/x86_64-linux-gnu/"), []byte("/x86_64-linux-gone"[:17]+"/"))
	data = bytes.ReplaceAll(data, []byte(filepath.Dir(s.Exe)), []byte("/gone"+strings.Repeat("x", len(filepath.Dir(s.Exe))-5)))
	files.Finder.DebugDirs = []string{t.TempDir()}
	tg, err := openAt("core", bytes.NewReader(data), int64(len(data)), Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	main := tg.Namespace().Main()
	if main == nil || main.File != "" {
		t.Fatalf("program %+v", main)
	}
	if m := tg.Info(main).Missing(); len(m) != 1 || m[0].BuildID != main.BuildID || main.BuildID == "" {
		t.Errorf("missing: %v", m)
	}
	m, err := tg.Namespace().LookupName("libc.so.6", "read")
	if err != nil {
		for _, o := range tg.Namespace().Objects() {
			t.Logf("%s %s file %q", o.Name, o.Path, o.File)
		}
		t.Fatalf("read: %v", err)
	}
	with := openCore(t, s.Core, Options{Program: s.Exe})
	if w, err := with.Namespace().LookupName("libc.so.6", "read"); err != nil || w.Value != m.Value {
		t.Errorf("read is %#x from memory, %#x from the file", m.Value, w.Value)
	}
	for _, th := range tg.Threads() {
		got, want := backtrace(t, tg, th.ID), backtrace(t, with, th.ID)
		if got != want {
			t.Errorf("thread %d: frames %s, with files %s", th.ID, got, want)
		}
	}
}

func backtrace(t *testing.T, tg *opened, id uint64) string {
	t.Helper()
	r, err := tg.Registers(id)
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for f, err := range tg.Frames(context.Background(), r) {
		if err != nil {
			s += err.Error()
		}
		s += fmt.Sprintf(" %x", f.PC)
	}
	return s
}

// TestMismatch gives another program than the core's: it is said, and its bytes
// are not taken for the process's memory.
func TestMismatch(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	other := fixtures.BuildProgram(t, "c/O2")
	tg := openCore(t, s.Core, Options{Program: other.Exe})
	if w := strings.Join(tg.Warnings(), "\n"); !strings.Contains(w, "build-id") || !strings.Contains(w, other.Exe) {
		t.Errorf("warnings: %q", w)
	}
	entry, _ := tg.Aux(atEntry)
	var b [16]byte
	if err := mem.ReadFull(tg.Virtual(), b[:], mem.Addr(entry)); !errors.Is(err, mem.ErrNotDumped) {
		t.Errorf("text of another program was read: %x, %v", b, err)
	}
	if tg.Program() != other.Exe {
		t.Errorf("program %q", tg.Program())
	}
}

// TestLean reads code of a core without the first pages of mapped files: files
// are told by their dynamic sections.
func TestLean(t *testing.T) {
	s := fixtures.Build(t, "c/lean")
	tg := openCore(t, s.Core, Options{Files: system.NewFiles("")})
	if id := system.BuildIDAt(tg.inCore, tg.Namespace().Main().Base); id != "" {
		t.Fatal("the core has the program's first page")
	}
	m, err := tg.Namespace().LookupName("", "main")
	if err != nil {
		t.Fatal(err)
	}
	var b [4]byte
	if err := mem.ReadFull(tg.Virtual(), b[:], mem.Addr(m.Value)); err != nil {
		t.Errorf("main: %v", err)
	}
	// Another program is not taken for it.
	other := fixtures.BuildProgram(t, "c/O2")
	tg = openCore(t, s.Core, Options{Program: other.Exe})
	if err := mem.ReadFull(tg.Virtual(), b[:], mem.Addr(m.Value)); !errors.Is(err, mem.ErrNotDumped) {
		t.Errorf("main of another program: %v", err)
	}
}

// TestDebugFileOnly has the debug files of a program that is not here.
func TestDebugFileOnly(t *testing.T) {
	s := fixtures.Build(t, "c/buildid/segv")
	data, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte(filepath.Dir(s.Exe)), []byte("/gone"+strings.Repeat("x", len(filepath.Dir(s.Exe))-5)))
	tg, err := openAt("core", bytes.NewReader(data), int64(len(data)), Options{Files: system.NewFiles("", s.Debug)})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	m, err := tg.Namespace().LookupName("", "main")
	if err != nil {
		t.Fatal(err)
	}
	o := tg.Namespace().Main()
	if o.File != "" || tg.DebugData(o) == nil || tg.TypeScope(o) == nil || len(tg.MissingFiles(o)) == 0 {
		t.Errorf("program %+v, missing %v", o, tg.MissingFiles(o))
	}
	var b [4]byte
	if err := mem.ReadFull(tg.Virtual(), b[:], mem.Addr(m.Value)); !errors.Is(err, mem.ErrNotDumped) {
		t.Errorf("code came from a debug file: %v", err)
	}
}

// TestSysroot finds the program on a sysroot only.
func TestSysroot(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	root := t.TempDir()
	at := filepath.Join(root, s.Exe)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.Exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, b, 0o700); err != nil {
		t.Fatal(err)
	}
	tg := openCore(t, s.Core, Options{Files: system.NewFiles(root)})
	if tg.Program() != at {
		t.Errorf("program %q, want %q", tg.Program(), at)
	}
}

func TestOtherArchitectures(t *testing.T) {
	head := func(class elf.Class, order binary.ByteOrder, m elf.Machine, abi elf.OSABI) []byte {
		b := make([]byte, ehdrSize)
		copy(b, elf.ELFMAG)
		b[4], b[5], b[6], b[7] = byte(class), 1, 1, byte(abi)
		if order == binary.BigEndian {
			b[5] = 2
		}
		order.PutUint16(b[16:], uint16(elf.ET_CORE))
		order.PutUint16(b[18:], uint16(m))
		return b
	}
	for _, tt := range []struct {
		b    []byte
		want string
	}{
		{head(elf.ELFCLASS64, binary.BigEndian, elf.EM_AARCH64, 0), "arm64"},
		{head(elf.ELFCLASS32, binary.LittleEndian, elf.EM_ARM, 0), "arm"},
		{head(elf.ELFCLASS64, binary.BigEndian, elf.EM_S390, 0), "s390"},
		{head(elf.ELFCLASS64, binary.LittleEndian, elf.EM_RISCV, 0), "riscv"},
		{head(elf.ELFCLASS32, binary.LittleEndian, elf.EM_X86_64, 0), "x32"},
		{head(elf.ELFCLASS64, binary.LittleEndian, 0x7777, 0), "30583"},
		{head(elf.ELFCLASS64, binary.LittleEndian, elf.EM_X86_64, elf.ELFOSABI_FREEBSD), "FREEBSD"},
	} {
		_, err := openAt("core", bytes.NewReader(tt.b), int64(len(tt.b)), Options{})
		if !errors.Is(err, ErrArch) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v; want %q", err, tt.want)
		}
	}
	if _, err := openAt("x", strings.NewReader("hello"), 5, Options{}); !errors.Is(err, ErrNotCore) {
		t.Errorf("text file: %v", err)
	}
}

// TestOverlapWithoutEnd has every segment and every mapped file on top of each
// other: the work must not be their product.
func TestOverlapWithoutEnd(t *testing.T) {
	const segments, files = 4000, 20000
	var fl []byte
	for _, v := range []uint64{files, 4096} {
		fl = le.AppendUint64(fl, v)
	}
	for i := range uint64(files) {
		for _, v := range []uint64{0x400000 + 4096*i, 0x400000 + 4096*(i+3), 0} {
			fl = le.AppendUint64(fl, v)
		}
	}
	for i := range files {
		fl = append(fl, fmt.Sprintf("/gone/%d\x00", i)...)
	}
	note := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 5), uint32(len(fl))), ntFile)
	note = append(append(note, "CORE\x00\x00\x00\x00"...), fl...)
	b := bytes.Clone(tinyCore()[:ehdrSize])
	le.PutUint16(b[56:], 2*segments)
	ph := func(typ elf.ProgType, off, vaddr, size uint64) {
		b = le.AppendUint32(le.AppendUint32(b, uint32(typ)), 5)
		for _, v := range []uint64{off, vaddr, 0, size, size, 1} {
			b = le.AppendUint64(b, v)
		}
	}
	at := uint64(ehdrSize + 2*segments*phdrBytes)
	for range segments {
		ph(elf.PT_LOAD, 0, 0x400000, 4096*files)
		ph(elf.PT_NOTE, at, 0, uint64(len(note)))
	}
	b = append(b, note...)
	start := time.Now()
	tg, err := openAt("core", bytes.NewReader(b), int64(len(b)), Options{Files: noFiles()})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	exercise(t, tg)
	if d := time.Since(start); d > 2*time.Minute {
		t.Errorf("took %v", d)
	}
	if w := strings.Join(tg.Warnings(), "|"); !strings.Contains(w, "damaged") {
		t.Errorf("warnings %q", w)
	}
}
