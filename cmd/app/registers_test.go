package app_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// gdbNames are gdb's names of registers that have others here.
var gdbNames = map[string]string{"eflags": "rflags", "cpsr": "pstate", "fs_base": "fsbase", "gs_base": "gsbase"}

// vectorNames are gdb's names of what ::fpregs has by others.
var vectorNames = map[string]string{"fctrl": "cw", "fstat": "sw"}

// fpsimd makes vector registers that qemu leaves out of its cores, other ones for
// every thread (NT_FPREGSET: struct user_fpsimd_state).
func fpsimd(thread int) []fixtures.Note {
	le := binary.LittleEndian
	var d []byte
	for i := range 32 {
		d = le.AppendUint64(d, math.Float64bits(float64(thread)+float64(i)/4))
		d = le.AppendUint64(d, uint64(thread)<<56|uint64(i))
	}
	d = le.AppendUint32(le.AppendUint32(d, 0x90000011), 0x00c00100)
	return []fixtures.Note{{Owner: "CORE", Type: 2, Desc: append(d, make([]byte, 8)...)}}
}

// TestRegistersAgainstGDB compares ::regs and ::fpregs of every thread. gdb shows no
// x87 and SSE registers of i386 cores of a 64-bit kernel.
func TestRegistersAgainstGDB(t *testing.T) {
	for _, name := range []string{"c/O2", "arm64/O0", "arm64/O2/sighandler", "arm64/pac/fault", "arm64/static", "i386/O0", "i386/O2/sighandler", "i386/O2/nullcall"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixtures.Build(t, name)
			if strings.HasPrefix(name, "arm64/") {
				s.Core = fixtures.WithNotes(t, s.Core, fpsimd)
			}
			gdb := gdbFor(s)
			fixtures.Need(t, gdb)
			raw, err := exec.CommandContext(gdbContext(t), gdb, "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
				"-x", "testdata/registers.gdb.py", s.Exe, s.Core).Output()
			if err != nil {
				t.Fatalf("run gdb: %v", err)
			}
			d := openSubject(t, s)
			threads, registers := 0, 0
			for line := range bytes.Lines(raw) {
				text, ok := bytes.CutPrefix(line, []byte("J "))
				if !ok {
					continue
				}
				var want struct {
					LWP     uint64
					General map[string]json.Number
					Vector  map[string]string
				}
				if err := json.Unmarshal(text, &want); err != nil {
					t.Fatal(err)
				}
				threads++
				registers += compareRegisters(t, d, want.LWP, "::regs", want.General, func(n json.Number) string { return hexOf(n.String()) })
				registers += compareRegisters(t, d, want.LWP, "::fpregs", want.Vector, func(v string) string { return v })
			}
			t.Logf("%d registers of %d threads", registers, threads)
			if threads < 20 || registers < threads*16 {
				t.Errorf("only %d registers of %d threads", registers, threads)
			}
		})
	}
}

func hexOf(decimal string) string {
	var v uint64
	fmt.Sscan(decimal, &v)
	return fmt.Sprintf("%#x", v)
}

// compareRegisters compares those registers that both have, and counts them.
func compareRegisters[V any](t *testing.T, d *inside, lwp uint64, cmd string, want map[string]V, show func(V) string) (n int) {
	t.Helper()
	rows := d.rows(fmt.Sprintf("%x%s", lwp, cmd))
	if len(rows) != 1 {
		t.Fatalf("thread %d: %d rows of %s", lwp, len(rows), cmd)
	}
	for name, v := range want {
		got, ok := rows[0][name]
		for _, names := range []map[string]string{gdbNames, vectorNames} {
			if !ok && names[name] != "" {
				got, ok = rows[0][names[name]]
			}
		}
		if !ok || got == nil {
			continue
		}
		n++
		if w := show(v); text(got) != w {
			t.Errorf("thread %d: %s is %v, gdb has %s", lwp, name, got, w)
		}
	}
	return n
}

// TestVectorsAgainstReadelf compares ::fpregs of i386 cores with what elfutils'
// eu-readelf says of NT_PRXFPREG.
func TestVectorsAgainstReadelf(t *testing.T) {
	fixtures.Need(t, "eu-readelf")
	value := regexp.MustCompile(`\b(st\d|xmm\d|mxcsr|fctrl|fstat): +(0x[0-9a-f]+)`)
	for _, name := range []string{"i386/O0", "i386/O2/sighandler"} {
		s := fixtures.Build(t, name)
		raw, err := exec.Command("eu-readelf", "-n", s.Core).Output()
		if err != nil {
			t.Fatal(err)
		}
		d := openSubject(t, s)
		threads := d.rows("::walk thread")
		notes := strings.Split(string(raw), "PRXFPREG")[1:]
		if len(notes) != len(threads) || len(notes) < 20 {
			t.Fatalf("%d notes, %d threads", len(notes), len(threads))
		}
		for i, note := range notes {
			note, _, _ = strings.Cut(note, "  LINUX")
			want := map[string]string{}
			for _, m := range value.FindAllStringSubmatch(note, -1) {
				want[m[1]] = m[2]
				if m[1][0] == 'm' || m[1][0] == 'f' {
					want[m[1]] = "0x" + strings.TrimLeft(m[2][2:], "0")
					if want[m[1]] == "0x" {
						want[m[1]] = "0x0"
					}
				}
			}
			lwp, err := strconv.ParseUint(text(threads[i]["value"]), 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			if n := compareRegisters(t, d, lwp, "::fpregs", want, func(v string) string { return v }); n != 19 {
				t.Errorf("thread %d: %d registers", lwp, n)
			}
		}
	}
}
