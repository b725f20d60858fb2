package elfcore

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
)

// illumosCore makes the core of a process and opens it.
func illumosCore(t *testing.T, m illumoscore.Model, root string, describe func(*illumoscore.Process)) (*illumoscore.Core, *openedIllumos) {
	t.Helper()
	p := illumoscore.Storemgr(m)
	if describe != nil {
		describe(p)
	}
	c, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	if root != "" {
		if err := c.WriteFiles(root); err != nil {
			t.Fatal(err)
		}
	}
	b := c.Write()
	tg, err := OpenProcessAt("core", bytes.NewReader(b), int64(len(b)), Options{Files: system.NewFiles(root)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	il := recogniseIllumos(tg)
	if il == nil {
		t.Fatalf("a %T", tg)
	}
	return c, il
}

// openedIllumos is a core with the process recognised in it, as a session has it.
type openedIllumos struct {
	*Illumos
	*system.IllumosProcess
}

// Warnings are those of both.
func (o *openedIllumos) Warnings() []string {
	return slices.Concat(o.Illumos.Warnings(), o.IllumosProcess.Warnings())
}

// recogniseIllumos gives nil for a core of another system.
func recogniseIllumos(tg core.Target) *openedIllumos {
	il, ok := tg.(*Illumos)
	if !ok {
		return nil
	}
	sys, err := system.Recognise(context.Background(), il)
	if p, ok := sys.(*system.IllumosProcess); ok && err == nil {
		return &openedIllumos{il, p}
	}
	return nil
}

var illumosModels = []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32}

// TestIllumos compares what is read from cores with the description of the process.
func TestIllumos(t *testing.T) {
	for name, describe := range map[string]func(*illumoscore.Process){
		"kernel":   nil,
		"gcore":    func(p *illumoscore.Process) { p.Gcore, p.Signal, p.Code = true, 0, 0 },
		"segments": func(p *illumoscore.Process) { p.Extra = 65600 },
		"failed":   func(p *illumoscore.Process) { p.Failed = true },
		"lean":     func(p *illumoscore.Process) { p.Content = illumoscore.ContentStack },
	} {
		for _, m := range illumosModels {
			if name == "segments" && (testing.Short() || m == illumoscore.ILP32) {
				continue // half a GB
			}
			t.Run(name+m.String(), func(t *testing.T) {
				c, tg := illumosCore(t, m, "", describe)
				checkIllumos(t, c, tg)
			})
		}
	}
}

func checkIllumos(t *testing.T, c *illumoscore.Core, tg *openedIllumos) {
	p := c.P
	eq := func(what string, got, want any) {
		t.Helper()
		if gs, ok := got.([]string); ok && slices.Equal(gs, want.([]string)) {
			return
		} else if !ok && got == want {
			return
		}
		t.Errorf("%s: %v, want %v", what, got, want)
	}
	eq("pid", tg.PID(), int(p.PID))
	eq("signal", tg.Signal(), p.Signal)
	eq("fname", tg.fname(), p.Fname)
	eq("program", tg.ProgramPath(), p.Argv[0])
	args, _ := tg.Args()
	eq("arguments", args, p.Argv)
	env, _ := tg.Env()
	eq("environment", env, p.Env)
	id := tg.Identity()
	eq("zone", id.Zone, p.Zone)
	for what, v := range map[string][2]int{
		"ppid": {id.PPID, int(p.PPID)}, "session": {id.SID, int(p.SID)}, "group": {id.PGID, int(p.PGID)}, "zone id": {id.ZoneID, int(p.ZoneID)},
		"task": {id.Task, int(p.TaskID)}, "project": {id.Project, int(p.ProjID)}, "contract": {id.Contract, int(p.Contract)},
		"uid": {int(id.RUID), int(p.UID)}, "euid": {int(id.EUID), int(p.EUID)}, "gid": {int(id.RGID), int(p.GID)},
	} {
		eq(what, v[0], v[1])
	}
	if !slices.Equal(id.Groups, p.Groups) {
		t.Errorf("groups %v", id.Groups)
	}
	eq("node", id.System[1], p.Node)
	eq("platform", id.Platform, p.Platform)
	files := tg.OpenFiles()
	eq("open files", len(files), len(p.FDs))
	for i, f := range files {
		w := p.FDs[i]
		eq("fd", f, core.OpenFile{FD: int(w.FD), Mode: w.Mode, Dev: [2]uint32{w.Major, w.Minor}, RDev: [2]uint32{w.RMajor, w.RMinor}, Inode: w.Ino,
			UID: w.UID, GID: w.GID, Offset: w.Offset, Size: w.Size, Flags: int(w.FileFlags), FDFlags: int(w.Flags), Path: w.Path})
	}
	checkLWPs(t, c, tg)
	checkIllumosMemory(t, c, tg)
	if si := tg.Siginfo(1); p.Signal != 0 && (si == nil || si.Signo != p.Signal || si.Code != p.Code || si.Addr != p.FaultAddr) {
		t.Errorf("siginfo %+v", si)
	}
	if p.Content == 0 {
		var names []string
		l, err := tg.Linked()
		if err != nil {
			t.Error(err)
		}
		for _, o := range l {
			names = append(names, o.Name)
		}
		var want []string
		for _, l := range p.Libs {
			want = append(want, l.Path)
		}
		eq("load objects", names, want)
		for _, s := range []string{"main", "libumem.so.1`malloc", "libc.so.1`cond_wait", "libc.so.1`_uberdata"} {
			object, name, ok := strings.Cut(s, "`")
			if !ok {
				object, name = "", s
			}
			at, err := tg.Namespace().LookupName(object, name)
			if err != nil || uint64(at.Value) != c.Sym(s) {
				t.Errorf("%s at %#x, want %#x: %v", s, at.Value, c.Sym(s), err)
			}
		}
	}
}

func checkLWPs(t *testing.T, c *illumoscore.Core, tg *openedIllumos) {
	var alive []uint64
	for i, l := range c.P.LWPs {
		st := tg.LWPState(uint64(l.ID))
		if st == nil || st.State != string(rune(l.State)) || st.Name != l.Name || st.Syscall != int(l.Syscall) || st.Class != l.Class || st.Priority != int(l.Pri) {
			t.Errorf("LWP %d: %+v", l.ID, st)
		}
		r, err := tg.Registers(uint64(l.ID))
		if l.State == 'Z' {
			if err == nil {
				t.Errorf("LWP %d has registers", l.ID)
			}
			continue
		}
		alive = append(alive, uint64(l.ID))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tg.lay.regs {
			if v, _ := r.Get(name); v != c.Reg(i, name) {
				t.Errorf("LWP %d: %s is %#x, want %#x", l.ID, name, v, c.Reg(i, name))
			}
		}
		if st0 := r.Areas[AreaFXSave][32:42]; l.FP && !bytes.Equal(st0, []byte{0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f}) {
			t.Errorf("st0 is %x", st0)
		}
	}
	var got []uint64
	for _, th := range tg.Threads() {
		got = append(got, th.ID)
	}
	if !slices.Equal(got, alive) {
		t.Errorf("threads %v", got)
	}
	if n := len(tg.AllLWPs()); n != len(c.P.LWPs) {
		t.Errorf("%d LWPs", n)
	}
}

func checkIllumosMemory(t *testing.T, c *illumoscore.Core, tg *openedIllumos) {
	maps := tg.Mappings()
	if len(maps) != len(c.Mem.Maps) {
		t.Errorf("%d mappings, want %d", len(maps), len(c.Mem.Maps))
	}
	for i, m := range c.Mem.Maps {
		if i > 40 && i < len(c.Mem.Maps)-2 {
			continue
		}
		b := make([]byte, len(m.Data))
		err := mem.ReadFull(tg.Virtual(), b, mem.Addr(m.Base))
		switch {
		case m.Failed, m.Text && c.P.Content != 0:
			if err == nil {
				t.Errorf("%#x is readable", m.Base)
			}
		case err != nil || !bytes.Equal(b, m.Data):
			t.Errorf("memory at %#x differs: %v", m.Base, err)
		}
	}
}

// TestIllumosFiles has a core without text and symbols, and the load objects' files.
func TestIllumosFiles(t *testing.T) {
	for _, m := range illumosModels {
		root := t.TempDir()
		c, tg := illumosCore(t, m, root, func(p *illumoscore.Process) {
			p.Content = illumoscore.ContentDefault &^ (illumoscore.ContentText | illumoscore.ContentCTF | illumoscore.ContentSymtab)
		})
		if len(tg.Warnings()) != 0 {
			t.Errorf("%q", tg.Warnings())
		}
		if got, want := tg.Program(), filepath.Join(root, c.P.Argv[0]); got != want {
			t.Errorf("program %q, want %q", got, want)
		}
		at, err := tg.Namespace().LookupName("", "main")
		if err != nil || uint64(at.Value) != c.Sym("main") {
			t.Errorf("main at %#x: %v", at.Value, err)
		}
		var b [4]byte
		if err := mem.ReadFull(tg.Virtual(), b[:], mem.Addr(c.Sym("main"))); err != nil {
			t.Errorf("text of main: %v", err)
		}
		// Another build's file does not belong to the core.
		name := filepath.Join(root, filepath.FromSlash(c.P.Libs[1].Path))
		f, err := os.ReadFile(c.P.Libs[0].Path)
		if err == nil {
			os.WriteFile(name, f, 0o644)
		}
	}
}

// TestIllumosCut opens cores cut off at any place.
func TestIllumosCut(t *testing.T) {
	for _, m := range illumosModels {
		c, err := illumoscore.Storemgr(m).Build()
		if err != nil {
			t.Fatal(err)
		}
		b := c.Write()
		for _, n := range []int{0, 1, 15, 16, 51, 52, 63, 64, 100, 500, 1200, 2000, 3000, 5000, 8000, 9000, 12000, 20000, 100000, len(b) / 2, len(b) - 100000, len(b) - 1} {
			tg, err := OpenProcessAt("core", bytes.NewReader(b[:n]), int64(n), Options{Files: system.NewFiles("")})
			if err != nil {
				if n > 12000 {
					t.Errorf("%d bytes: %v", n, err)
				}
				continue
			}
			if il := recogniseIllumos(tg); il != nil {
				exerciseIllumos(il)
				if n >= 12000 && n < len(b)-1 && len(il.Warnings()) == 0 {
					t.Errorf("%d bytes of %d: no warning", n, len(b))
				}
			}
			tg.Close()
		}
	}
}

// exerciseIllumos asks everything of a core.
func exerciseIllumos(tg *openedIllumos) {
	var b [64]byte
	for i, m := range tg.Mappings() {
		if i > 100 {
			break
		}
		tg.Virtual().ReadAt(b[:], m.Base)
		tg.Virtual().ReadAt(b[:], m.End()-32)
	}
	for _, th := range tg.Threads() {
		tg.Registers(th.ID)
		tg.Siginfo(th.ID)
	}
	for _, id := range tg.AllLWPs() {
		tg.LWPState(id)
	}
	for _, o := range tg.Namespace().Objects() {
		o.LookupName("main")
		tg.Info(o).Missing()
	}
	tg.Linked()
	tg.Identity()
	tg.OpenFiles()
	tg.Args()
	tg.Env()
	tg.Auxv()
	tg.Break()
	tg.Xdata()
	tg.Utsname()
	tg.Program()
	tg.Status(out.New(new(bytes.Buffer), &out.Env{}))
	tg.Warnings()
}

// TestIllumosRefused has Open say what the core is.
func TestIllumosRefused(t *testing.T) {
	c, err := illumoscore.Storemgr(illumoscore.LP64).Build()
	if err != nil {
		t.Fatal(err)
	}
	b := c.Write()
	if _, err := OpenAt("core", bytes.NewReader(b), int64(len(b)), Options{}); err == nil || !strings.Contains(err.Error(), "illumos") {
		t.Errorf("%v", err)
	}
}

// FuzzIllumos opens notes, segments and sections as they come.
func FuzzIllumos(f *testing.F) {
	for _, m := range illumosModels {
		p := illumoscore.Storemgr(m)
		p.Heap, p.Content = nil, illumoscore.ContentStack
		if m == illumoscore.ILP32 {
			p.Content |= illumoscore.ContentSymtab | illumoscore.ContentCTF
		}
		c, err := p.Build()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.Write())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer time.AfterFunc(time.Minute, func() { panic("hang") }).Stop()
		tg, err := OpenProcessAt("core", bytes.NewReader(b), int64(len(b)), Options{Files: system.NewFiles("")})
		if err != nil {
			return
		}
		defer tg.Close()
		if il := recogniseIllumos(tg); il != nil {
			exerciseIllumos(il)
		}
	})
}
