package x86

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// An opinion is what objdump says about one instruction.
type opinion struct {
	n    int // bytes
	text string
	bad  bool
}

// slot is the distance between the instructions given to objdump in one file:
// behind each there are so many nops that the next one is found whatever
// objdump makes of it.
const slot = 32

// askObjdump has objdump disassemble each of the codes on its own.
func askObjdump(t *testing.T, machine string, codes [][]byte) []opinion {
	t.Helper()
	fixtures.Need(t, "objdump")
	const objdump = "objdump"
	file := bytes.Repeat([]byte{0x90}, slot*len(codes))
	for i, c := range codes {
		copy(file[i*slot:], c)
	}
	name := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(objdump, "-D", "-b", "binary", "-m", machine, "-z", "-w", "--no-show-raw-insn", name)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	res := make([]opinion, len(codes))
	last := -1 // the slot whose instruction was printed before
	s := bufio.NewScanner(out)
	for s.Scan() {
		a, text, ok := strings.Cut(s.Text(), ":\t")
		if !ok {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSpace(a), 16, 64)
		if err != nil {
			continue // the name of the file
		}
		if last >= 0 {
			res[last].n = int(addr) - last*slot
			last = -1
		}
		if addr%slot == 0 {
			last = int(addr / slot)
			res[last].text = text
			// {bad} marks a field that makes the instruction invalid.
			res[last].bad = strings.Contains(text, "(bad)") || strings.Contains(text, "bad}")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return res
}

// knownStep lists where the length is not objdump's on purpose.
func knownStep(code []byte, text string) bool {
	// fwait and an x87 instruction: objdump prints one instruction (fstcw),
	// MDB and the processor have two.
	for i, b := range code {
		if b == 0x9B {
			return i+1 < len(code) && (code[i+1]&0xF8 == 0xD8 || code[i+1]>>4 == 4)
		}
		if !isPrefix(b) {
			return false
		}
	}
	return false
}

// compareLengths checks what we step over against objdump. Where MDB decodes
// what objdump does not, its answer stands.
func compareLengths(t *testing.T, mode Mode, machine string, codes [][]byte) {
	t.Helper()
	wrong, compared := 0, 0
	for i, o := range askObjdump(t, machine, codes) {
		c := codes[i]
		in := Decode(mode, c, 0, nil)
		if n := Len(mode, c); n != in.Len {
			t.Errorf("% x: Len %d, Decode %d", c, n, in.Len)
		}
		var d decoder
		d.init(mode, c)
		switch {
		case o.bad && (!in.OK || d.decode()):
			continue
		case !o.bad && in.OK && in.Len == o.n || knownStep(c, o.text):
			compared++
			continue
		}
		if wrong++; wrong <= 20 {
			t.Errorf("% x: %d bytes, %q; objdump %d, %q", c, in.Len, in.Text, o.n, o.text)
		}
	}
	t.Logf("%d of %d instructions have objdump's length, %d have not", compared, len(codes), wrong)
}

// TestRowLengths: rows that MDB cannot decode.
func TestRowLengths(t *testing.T) {
	codes := map[string][][]byte{}
	for _, r := range loadRows(t) {
		if r.text == Undecodable {
			codes[r.name] = append(codes[r.name], pad(r.code))
		}
	}
	t.Run("amd64", func(t *testing.T) { compareLengths(t, Mode64, "i386:x86-64", codes["amd64"]) })
	t.Run("ia32", func(t *testing.T) { compareLengths(t, Mode32, "i386", codes["ia32"]) })
}

func pad(c []byte) []byte {
	return append(c[:len(c):len(c)], bytes.Repeat([]byte{0x90}, MaxLen)...)[:MaxLen]
}

// TestLengths walks the opcode maps of all modes, with a few operands each and
// random bytes behind.
func TestLengths(t *testing.T) {
	for _, m := range []struct {
		mode    Mode
		machine string
	}{{Mode16, "i8086"}, {Mode32, "i386"}, {Mode64, "i386:x86-64"}} {
		t.Run(m.machine, func(t *testing.T) {
			compareLengths(t, m.mode, m.machine, opcodeMaps(m.mode))
		})
	}
}

func opcodeMaps(mode Mode) [][]byte {
	rnd := rand.New(rand.NewPCG(1, uint64(mode)))
	prefixes := [][]byte{nil, {0x66}, {0xF2}, {0xF3}, {0x67}, {0x2E, 0x66}}
	if mode == Mode64 {
		prefixes = append(prefixes, []byte{0x48}, []byte{0x41}, []byte{0x66, 0x4F})
	}
	var codes [][]byte
	for _, p := range prefixes {
		for _, esc := range [][]byte{nil, {0x0F}, {0x0F, 0x38}, {0x0F, 0x3A}} {
			for op := range 256 {
				for _, rm := range []byte{0x05, 0x44, 0x82, 0xC0, 0xD1, 0xEE, byte(rnd.Uint32())} {
					c := append(append(append([]byte{}, p...), esc...), byte(op), rm)
					for len(c) < MaxLen {
						c = append(c, byte(rnd.Uint32()))
					}
					codes = append(codes, c)
				}
			}
		}
	}
	return codes
}
