package arm64_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/arch/arm64"
	"github.com/xmdb/xmdb/fixtures"
)

// objdumpLine is an instruction: address, word, text.
var objdumpLine = regexp.MustCompile(`^ *([0-9a-f]+):\t([0-9a-f]{8}) \t(.*)$`)

var (
	objdumpNote   = regexp.MustCompile(`\s*(// .*|<[^>]*>)`)
	objdumpTarget = regexp.MustCompile(`^(b|bl|b\.\w+|cbn?z|tbn?z|adrp?|ldr|ldrsw|prfm)( (?:[^\[]*, )?)([0-9a-f]+)$`)
)

// sameText brings what objdump says into the form of package arm64: addresses have
// 0x, notes are left out.
func sameText(s string) string {
	s = strings.Join(strings.Fields(objdumpNote.ReplaceAllString(s, "")), " ")
	return objdumpTarget.ReplaceAllString(s, "${1}${2}0x${3}")
}

// TestCrossCompiled compares all code of a program that was compiled with LSE atomics,
// of one with pointer authentication, and of what the compiler's libraries hold for
// both, with what objdump says of it.
func TestCrossCompiled(t *testing.T) {
	fixtures.Need(t, "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objdump")
	object := filepath.Join(t.TempDir(), "atomics.o")
	if out, err := exec.Command("aarch64-linux-gnu-gcc", "-O2", "-march=armv8.1-a", "-c", "-o", object, "testdata/atomics.c").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	lib := "/usr/aarch64-linux-gnu/lib/"
	for _, tt := range []struct {
		file    string
		atomics int // at least so many instructions of LSE
	}{
		{object, 220},
		{fixtures.BuildProgram(t, "arm64/static").Exe, 20},
		{fixtures.BuildProgram(t, "arm64/pac").Exe, 0},
		{lib + "libatomic.so.1", 70}, {lib + "libgcc_s.so.1", 0}, {lib + "ld-linux-aarch64.so.1", 3},
	} {
		t.Run(filepath.Base(tt.file), func(t *testing.T) {
			out, err := exec.Command("aarch64-linux-gnu-objdump", "-d", tt.file).Output()
			if err != nil {
				t.Fatal(err)
			}
			n, atomics, wrong := 0, 0, 0
			for line := range strings.Lines(string(out)) {
				m := objdumpLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
				if m == nil {
					continue
				}
				pc, _ := strconv.ParseUint(m[1], 16, 64)
				word, _ := strconv.ParseUint(m[2], 16, 32)
				n++
				want := sameText(m[3])
				if isLSE(uint32(word)) {
					atomics++
				}
				in := arm64.Decode(binary.LittleEndian.AppendUint32(nil, uint32(word)), pc, nil)
				if got := strings.Join(strings.Fields(in.Text), " "); got != want && (in.OK || !isSVE(uint32(word))) {
					if wrong++; wrong < 20 {
						t.Errorf("%x: %08x: got %q, objdump has %q", pc, word, got, want)
					}
				}
			}
			t.Logf("%d instructions, %d of LSE", n, atomics)
			if n < 100 || atomics < tt.atomics || wrong > 0 {
				t.Errorf("%d instructions, %d of LSE, want %d; %d differ", n, atomics, tt.atomics, wrong)
			}
		})
	}
}

// isSVE tells the encodings of the scalable vector and matrix extensions, which
// package arm64 does not decode.
func isSVE(w uint32) bool { return w>>25&15 == 2 || w>>31 == 1 && w>>25&15 == 0 }

// TestSystemOperations compares all of SYS with what objdump says.
func TestSystemOperations(t *testing.T) {
	fixtures.Need(t, "aarch64-linux-gnu-as", "aarch64-linux-gnu-objdump")
	var words []uint32
	for op := range uint32(1 << 14) {
		words = append(words, 0xd5080003|op<<5, 0xd508001f|op<<5)
	}
	for op := range uint32(64) {
		words = append(words, 0xd5280003|op<<8)
	}
	source := filepath.Join(t.TempDir(), "sys.s")
	var text strings.Builder
	for _, w := range words {
		fmt.Fprintf(&text, ".inst %#x\n", w)
	}
	if err := os.WriteFile(source, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("aarch64-linux-gnu-as", "-o", source+".o", source).CombinedOutput(); err != nil {
		t.Fatalf("assemble: %v\n%s", err, out)
	}
	out, err := exec.Command("aarch64-linux-gnu-objdump", "-d", "-z", source+".o").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, wrong := 0, 0
	for line := range strings.Lines(string(out)) {
		if m := objdumpLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			in := arm64.Decode(binary.LittleEndian.AppendUint32(nil, words[n]), 0, nil)
			if got, want := strings.Join(strings.Fields(in.Text), " "), sameText(m[3]); got != want {
				if wrong++; wrong < 20 {
					t.Errorf("%08x: got %q, objdump has %q", words[n], got, want)
				}
			}
			n++
		}
	}
	if n != len(words) || wrong > 0 {
		t.Errorf("%d of %d words, %d differ", n, len(words), wrong)
	}
}

// isLSE tells the encodings of atomic memory operations, of compare and swap, and of
// compare and swap pair (Arm ARM, C4.1.66).
func isLSE(w uint32) bool {
	switch {
	case w&0x3b200c00 == 0x38200000, w&0x3fa07c00 == 0x08a07c00, w&0xbfa07c00 == 0x08207c00:
		return true
	}
	return false
}
