package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
	"github.com/xmdb/xmdb/targets/elfcore"
	"github.com/xmdb/xmdb/targets/objfile"
)

// Bounds of one damaged file: a hang is one that takes hangs; more than maxAlloc
// is a size taken from the file without a check.
const (
	hangs    = 2 * time.Minute
	maxAlloc = 500 << 20 // bytes
)

// damaged is one damaged file being looked at.
type damaged struct {
	what  string
	cmd   string // being run
	start time.Time
}

// sweep runs look on every mutation of a file, or every so manyth, on all
// processors. look opens the mutation, or gives nil where it is refused.
func sweep(t *testing.T, path string, every int, commands []string, look func(m *fixtures.Mutation, worker int) core.Target) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // no indexes of damaged files
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	w := &sweeper{t: t, commands: commands, now: make([]damaged, runtime.GOMAXPROCS(0)), look: look}
	work := make(chan *fixtures.Mutation)
	var wg sync.WaitGroup
	for i := range w.now {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for m := range work {
				w.one(m, i)
			}
		}()
	}
	stop := make(chan struct{})
	go w.watch(stop)
	n := 0
	for m := range fixtures.Mutations(20260731, f, st.Size()) {
		if m.Index%every == 0 {
			work <- m
			n++
		}
	}
	close(work)
	wg.Wait()
	close(stop)
	t.Logf("%d mutations, %d opened; slowest %v: %s", n, w.opened, w.slowest, w.slow)
	if n < fixtures.MutationCount/every || w.opened < n/4 {
		t.Errorf("%d mutations, of which only %d could be opened", n, w.opened)
	}
}

// sweeper is one sweep.
type sweeper struct {
	t        *testing.T
	commands []string
	look     func(m *fixtures.Mutation, worker int) core.Target

	alone   sync.RWMutex // is held for writing by one who must be the only one to allocate
	mu      sync.Mutex
	now     []damaged // by worker
	opened  int
	slowest time.Duration
	slow    string
}

func (w *sweeper) set(worker int, d damaged) {
	w.mu.Lock()
	w.now[worker] = d
	w.mu.Unlock()
}

// watch ends the process, with all stacks, when a mutation hangs.
func (w *sweeper) watch(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
		w.mu.Lock()
		for _, d := range w.now {
			if d.what != "" && time.Since(d.start) > hangs {
				panic(fmt.Sprintf("%s hangs in %q", d.what, d.cmd))
			}
		}
		w.mu.Unlock()
	}
}

func (w *sweeper) one(m *fixtures.Mutation, worker int) {
	d := damaged{what: fmt.Sprintf("mutation %d (%s)", m.Index, m.What), cmd: "open", start: time.Now()}
	w.set(worker, d)
	defer func() {
		if r := recover(); r != nil {
			w.t.Errorf("%s: %s panics: %v\n%s", d.what, d.cmd, r, debug.Stack())
		}
		took := time.Since(d.start)
		w.mu.Lock()
		w.now[worker] = damaged{}
		if took > w.slowest {
			w.slowest, w.slow = took, d.what
		}
		w.mu.Unlock()
	}()
	w.alone.RLock()
	opened, n := w.allocates(m, worker, &d)
	w.alone.RUnlock()
	if opened {
		w.mu.Lock()
		w.opened++
		w.mu.Unlock()
	}
	if n <= maxAlloc {
		return
	}
	// The other workers allocated, too: once more, without them.
	w.alone.Lock()
	defer w.alone.Unlock()
	d.start = time.Now()
	if _, n := w.allocates(m, worker, &d); n > maxAlloc {
		w.t.Errorf("%s: %d MB allocated", d.what, n>>20)
	}
}

// allocates looks at a mutation and gives how many bytes the process allocated meanwhile.
func (w *sweeper) allocates(m *fixtures.Mutation, worker int, d *damaged) (opened bool, n uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	target := w.look(m, worker)
	if target != nil {
		a := newApp(&config{prog: "xmdb", noRC: true}, nil)
		a.s.Contain = false // a fault must end the test
		a.s.Out.SetOutput(&cappedWriter{})
		a.s.Stderr = io.Discard
		a.attach(target)
		a.scripts()
		a.activate()
		for _, cmd := range w.commands {
			d.cmd = cmd
			w.set(worker, *d)
			a.s.Eval.Eval(context.Background(), a.s, cmd)
			a.s.Out.Flush()
		}
		for _, undo := range a.undo {
			undo()
		}
	}
	runtime.ReadMemStats(&after)
	return target != nil, after.TotalAlloc - before.TotalAlloc
}

// cappedWriter takes output that nobody reads.
type cappedWriter struct{ n int }

func (c *cappedWriter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }

// coreCommands read all that a core has; HEAD is the address of the list.
const coreCommands = `::status
$C
::walk thread | ::findstack
::objects -v
::mappings
::siginfo
::env
::auxv
::regs
HEAD::print -at struct node
HEAD::list node_t next | ::count
list_len::print; sessions::print; bits::print
*sessions::print session_t
HEAD::whatis
::nm | ::count
main::dis
main::dump
::stacks
::frame 1
::locals
::waits
::walk malloc | ::count
::malloc_check
::tls my_number`

func lines(text string, s fixtures.Subject) []string {
	return strings.Split(strings.ReplaceAll(text, "HEAD", s.Facts["list_head"]), "\n")
}

// TestMutatedCore: a core with anything in it changed, or cut anywhere.
func TestMutatedCore(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 damaged cores take a minute (-short)")
	}
	s := fixtures.Build(t, "c/small")
	sweep(t, s.Core, 1, lines(coreCommands, s), func(m *fixtures.Mutation, _ int) core.Target {
		target, err := elfcore.OpenAt("core", m, m.Size, elfcore.Options{Program: s.Exe, Files: system.NewFiles("")})
		if err != nil {
			return nil
		}
		return target
	})
}

// foreignCommands are those of coreCommands and what else there is on another
// architecture.
const foreignCommands = coreCommands + `
$x
::walk thread | ::fpregs
$?
::frame 3
::siginfo`

// TestMutatedForeignCores: the same for cores of arm64, of which half is known by the
// program alone, and i386: 1,000 of each.
func TestMutatedForeignCores(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 damaged cores take a minute (-short)")
	}
	for _, name := range []string{"arm64/small", "i386/small"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			sweep(t, s.Core, 2, lines(foreignCommands, s), func(m *fixtures.Mutation, _ int) core.Target {
				target, err := elfcore.OpenAt("core", m, m.Size, elfcore.Options{Program: s.Exe, Files: system.NewFiles("")})
				if err != nil {
					return nil
				}
				return target
			})
		})
	}
}

// illumosCommands read all that a core of an illumos process has.
const illumosCommands = `::status
$c
$C
::walk thread | ::findstack -v
::stacks
::objects -v
::mappings
::process
::fds
::tid
::siginfo
::psinfo
::psinfo -v
::getenv
::auxv
::regs
$x
::xdata
::tls tls_depth
::uberdata
::walk ulwps | ::ulwp
1::errno
::nm | ::count
main::dis
store_head::print
*store_head::print struct store
::umem_status
::umastat
::umem_cache
::umem_malloc_info
::umem_malloc_dist
::findleaks -d
::walk leakbuf | ::whatis
::umem_verify
::umalog
::umem_log
::umausers -e
::vmem
::walk vmem | ::walk vmem_seg | ::vmem_seg -v
::walk bufctl | ::bufctl -v
::walk freemem | ::count
::walk freectl | ::count
1234::ugrep`

// TestMutatedIllumosCores: cores of illumos processes, and sound ones with anything in
// the heap's structures and the threads' changed: 95 of each (more: every is 1).
func TestMutatedIllumosCores(t *testing.T) {
	if testing.Short() {
		t.Skip("400 damaged cores take a quarter of a minute (-short)")
	}
	for _, model := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		t.Run(model.String(), func(t *testing.T) {
			c, err := illumoscore.Storemgr(model).Build()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "core")
			if err := os.WriteFile(path, c.Write(), 0o600); err != nil {
				t.Fatal(err)
			}
			commands := strings.Split(illumosCommands, "\n")
			open := func(r io.ReaderAt, size int64) core.Target {
				target, err := elfcore.OpenProcessAt("core", r, size, elfcore.Options{Files: system.NewFiles("")})
				if err != nil {
					return nil
				}
				return target
			}
			sweep(t, path, 21, commands, func(m *fixtures.Mutation, _ int) core.Target { return open(m, m.Size) })
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sweep(t, path, 21, commands, func(m *fixtures.Mutation, _ int) core.Target {
				return open(changeStructures(c, sound, rand.New(rand.NewPCG(20260820, uint64(m.Index)))), int64(len(sound)))
			})
		})
	}
}

// changeStructures changes a few words in what libumem, libc and the run-time linker
// keep: to any number, or so that a pointer leads to another structure.
func changeStructures(c *illumoscore.Core, sound []byte, rnd *rand.Rand) *changed {
	at := []uint64{c.Sym("libumem.so.1`umem_null_cache"), c.Sym("libumem.so.1`vmem_list"), c.Sym("libumem.so.1`umem_magtype"), c.Sym("libc.so.1`_uberdata"),
		c.Sym("libc.so.1`_uberdata") + 0x2a00, c.Sym("ld.so.1`rtld_db_priv"), c.Sym("ld.so.1`_heap"), c.ULWP(0), c.ULWP(1), c.ULWP(2)}
	for _, m := range []map[string]uint64{c.Heap.Cache, c.Heap.Arena, c.Heap.Seg, c.Heap.Bufctl} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			at = append(at, m[name])
		}
	}
	out := &changed{base: sound, words: map[int64][4]byte{}}
	for range 1 + rnd.IntN(6) {
		va := at[rnd.IntN(len(at))] + 4*uint64(rnd.IntN(160))
		off, ok := c.Offset(sound, va)
		if !ok {
			continue
		}
		v := []uint32{0, ^uint32(0), rnd.Uint32(), rnd.Uint32N(1 << 12), uint32(at[rnd.IntN(len(at))]), uint32(at[rnd.IntN(len(at))])}[rnd.IntN(6)]
		out.words[off] = [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
	}
	return out
}

// changed is a core with words of it changed: by offset.
type changed struct {
	base  []byte
	words map[int64][4]byte
}

func (c *changed) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(c.base).ReadAt(p, off)
	for at, w := range c.words {
		for i, b := range w {
			if k := at + int64(i) - off; k >= 0 && k < int64(n) {
				p[k] = b
			}
		}
	}
	return n, err
}

// programCommands read all that an object file has.
const programCommands = `::status
::objects -v
::mappings
::nm | ::count
::nm -D | ::count
list_len::print; bits::print; shapes::print; ops::print
::sizeof session_t
::print -at struct scalars
::typelist
main::dis
main?ia
crash_now::whatis
::nm -f name,ctype | ::count`

// TestMutatedProgram: the same for the program.
func TestMutatedProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 damaged programs take a minute (-short)")
	}
	s := fixtures.Build(t, "c/small")
	commands := lines(programCommands, s)
	sweep(t, s.Exe, 1, commands, func(m *fixtures.Mutation, _ int) core.Target {
		target, err := objfile.OpenAt("crash", m, m.Size, system.NewFiles(""))
		if err != nil {
			return nil
		}
		return target
	})
}

// TestMutatedProgramOfCore: frames, symbols and types of a core come from a
// damaged program. Each is written to a file, so there are fewer.
func TestMutatedProgramOfCore(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 damaged programs take a minute (-short)")
	}
	s := fixtures.Build(t, "c/small")
	commands := lines("$C\n::walk thread | ::findstack\n::frame 1\n::locals\nHEAD::print -at struct node\nHEAD::list node_t next | ::count\n::nm | ::count", s)
	sweepProgram(t, s, 8, commands)
}

// sweepProgram opens the core with its program damaged. Programs are opened by path: these
// are small.
func sweepProgram(t *testing.T, s fixtures.Subject, every int, commands []string) {
	dir := t.TempDir()
	dump, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, s.Exe, every, commands, func(m *fixtures.Mutation, worker int) core.Target {
		path := filepath.Join(dir, fmt.Sprint(worker))
		data, err := io.ReadAll(io.NewSectionReader(m, 0, m.Size))
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			panic(err)
		}
		target, err := elfcore.OpenAt("core", bytes.NewReader(dump), int64(len(dump)), elfcore.Options{Program: path, Files: system.NewFiles("")})
		if err != nil {
			return nil
		}
		return target
	})
}
