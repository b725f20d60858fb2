package ptrace

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/arch/x86"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
)

// gdbDriver makes gdb do a list of moves and print, as JSON, where each has led.
const gdbDriver = `
import gdb, json
job = json.load(open(JOB))
gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
gdb.execute("set startup-with-shell off")
for a in job["breaks"]:
    gdb.execute("break *%d" % a, to_string=True)
gdb.execute("starti " + " ".join(job["args"]), to_string=True)
names = ["rax","rbx","rcx","rdx","rsi","rdi","rbp","rsp","r8","r9","r10","r11","r12","r13","r14","r15","rip"]
out = []
for m in job["moves"]:
    gdb.execute({"c": "continue", "s": "stepi"}[m], to_string=True)
    if gdb.selected_inferior().pid == 0:
        break
    fr, pcs = gdb.newest_frame(), []
    regs = {n: int(fr.read_register(n)) & (2**64-1) for n in names}
    fs = int(fr.read_register("fs_base"))
    guard = int.from_bytes(gdb.selected_inferior().read_memory(fs + 0x28, 8).tobytes(), "little") if fs else 1
    while fr is not None and len(pcs) < 4:
        pcs.append(fr.pc())
        fr = fr.older()
    out.append({"regs": regs, "frames": pcs, "guard": guard})
json.dump(out, open(OUT, "w"))
gdb.execute("kill")
`

// A place is where a move has led.
type place struct {
	Regs   map[string]uint64 `json:"regs"`
	Frames []uint64          `json:"frames"`
	Guard  uint64            `json:"guard"` // the stack protector's value, which is random
}

// Every move of a random walk over a program, by breakpoints and steps, stops where
// gdb stops, with gdb's registers and frames.
func TestAgainstGDB(t *testing.T) {
	fixtures.Need(t, "gdb")
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compareWithGDB(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func compareWithGDB(t *testing.T, rnd *rand.Rand) {
	s := start(t, "c/livestatic", "steps", "40")
	var job struct {
		Breaks []uint64 `json:"breaks"`
		Args   []string `json:"args"`
		Moves  []string `json:"moves"`
	}
	job.Args = []string{"steps", "40"}
	for _, fn := range []string{"steps", "square", "snprintf", "strlen", "vsnprintf"} {
		if _, ok := s.syms[fn]; ok {
			job.Breaks = append(job.Breaks, boundaries(t, s, fn, rnd)...)
		}
	}
	slices.Sort(job.Breaks)
	job.Breaks = slices.Compact(job.Breaks)
	for range 250 {
		job.Moves = append(job.Moves, []string{"c", "s", "s", "c"}[rnd.IntN(4)])
	}
	want := runGDB(t, s.exe, job)
	got := ourPlaces(t, s, job.Breaks, job.Moves)
	if len(got) != len(want) {
		t.Fatalf("%d stops, gdb has %d", len(got), len(want))
	}
	// Stacks lie elsewhere: their addresses count from the first stop's.
	ours, gdbs := got[0].Regs["rsp"], want[0].Regs["rsp"]
	for i := range got {
		relative(&got[i], ours)
		relative(&want[i], gdbs)
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Fatalf("after move %d (%s) of %s (-gdb +ours):\n%s", i, job.Moves[i], strings.Join(job.Moves, ""), d)
		}
	}
}

// stackSpan is how far from the first stop's stack pointer a value counts as an
// address on the stack, bytes.
const stackSpan = 1 << 20

func relative(p *place, base uint64) {
	for n, v := range p.Regs {
		if v == p.Guard {
			p.Regs[n] = 1
			continue
		}
		switch d := v - base + stackSpan; {
		case d < stackSpan:
			p.Regs[n] = d
		case d < 2*stackSpan: // arguments, environment: theirs differ
			p.Regs[n] = stackSpan
		}
	}
	p.Guard = 0
}

// boundaries chooses instructions of a function.
func boundaries(t *testing.T, s *subject, fn string, rnd *rand.Rand) (list []uint64) {
	code := make([]byte, 256)
	at := s.addr(fn)
	if n, _ := s.Virtual().ReadAt(code, memAddr(at)); n < len(code) {
		t.Fatalf("code of %s cannot be read", fn)
	}
	for i := 0; i < 40; {
		in := x86.Decode(x86.Mode64, code[i:], at+uint64(i), nil)
		if !in.OK || strings.HasPrefix(in.Text, "ret") {
			break
		}
		if i == 0 || rnd.IntN(4) == 0 {
			list = append(list, at+uint64(i))
		}
		i += in.Len
	}
	return list
}

func runGDB(t *testing.T, exe string, job any) (places []place) {
	t.Helper()
	dir := t.TempDir()
	jobFile, outFile, script := filepath.Join(dir, "job"), filepath.Join(dir, "out"), filepath.Join(dir, "driver.py")
	b, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("JOB = %q\nOUT = %q\n%s", jobFile, outFile, gdbDriver)
	for name, data := range map[string][]byte{jobFile: b, script: []byte(text)} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	msg, err := exec.CommandContext(ctx, "gdb", "-nx", "-q", "-batch", "-x", script, exe).CombinedOutput()
	if err != nil {
		t.Fatalf("gdb: %v\n%s", err, msg)
	}
	if b, err = os.ReadFile(outFile); err != nil {
		t.Fatalf("gdb left nothing: %v\n%s", err, msg)
	}
	if err := json.Unmarshal(b, &places); err != nil {
		t.Fatal(err)
	}
	return places
}

func ourPlaces(t *testing.T, s *subject, breaks []uint64, moves []string) (places []place) {
	for _, a := range breaks {
		if err := s.Insert(a); err != nil {
			t.Fatal(err)
		}
	}
	thread, pc := uint64(s.PID()), uint64(0)
	for _, m := range moves {
		o := control.Order{Thread: thread}
		if m == "s" {
			o.Mode = control.StepOne
		}
		keep := func(st *control.Stop) bool { return st.Why == control.Breakpoint || st.Why == control.Step }
		stop := s.run(o, keep)
		if stop.Why == control.Breakpoint && stop.PC == pc {
			// Stepped onto before: gdb passes it, MDB hits it now.
			stop = s.run(o, keep)
		}
		pc = stop.PC
		if stop.Why.Gone() {
			break
		}
		thread = stop.Thread
		regs, err := s.Registers(thread)
		if err != nil {
			t.Fatal(err)
		}
		p := place{Regs: map[string]uint64{}, Guard: 1}
		if fs, _ := regs.Get("fsbase"); fs != 0 {
			if p.Guard, err = mem.ReadUint(s.Virtual(), memAddr(fs+0x28), 8, le); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range strings.Fields("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip") {
			p.Regs[n], _ = regs.Get(n)
		}
		for f, err := range system.NewProcess(s.Target).Frames(context.Background(), regs) {
			if err != nil || len(p.Frames) == 4 {
				break
			}
			p.Frames = append(p.Frames, f.PC)
		}
		places = append(places, p)
	}
	return places
}
