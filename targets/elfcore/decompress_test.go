package elfcore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// sampleData has what cores have: zeros, repeated words, noise.
func sampleData(n int) []byte {
	rng := rand.New(rand.NewSource(7))
	b := make([]byte, n)
	for at := 0; at < n; {
		k := min(n-at, 1+rng.Intn(100000))
		switch rng.Intn(4) {
		case 0: // zeros
		case 1:
			rng.Read(b[at : at+k])
		case 2:
			for i := range k {
				b[at+i] = "node at 0x7f00 "[i%15]
			}
		case 3:
			if at > 0 {
				copy(b[at:at+k], b[rng.Intn(at):at])
			}
		}
		at += k
	}
	return b
}

// compress runs a compressor over data and gives its output.
func compress(t testing.TB, data []byte, tool string, args ...string) []byte {
	t.Helper()
	fixtures.Need(t, tool)
	cmd := exec.Command(tool, args...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return out
}

var compressors = []struct {
	name string
	tool string
	args []string
}{
	{"zstd", "zstd", []string{"-q", "-3"}},
	{"zstd", "zstd", []string{"-q", "-19", "--long=27"}},
	{"xz", "xz", []string{"-1"}},
	{"xz", "xz", []string{"-6", "-T2", "--block-size=100000"}},
	{"gzip", "gzip", []string{"-6"}},
	{"lz4", "lz4", []string{"-q", "-1"}},
	{"lz4", "lz4", []string{"-q", "-9", "-BD", "-B4"}}, // dependent blocks of 64 KB
	{"lz4", "lz4", []string{"-q", "-B7", "-BX", "--content-size"}},
	{"lz4", "lz4", []string{"-q", "--no-frame-crc", "-B5"}},
}

func TestDecompress(t *testing.T) {
	data := sampleData(3<<20 + 12345)
	copy(data, tinyCore()[:ehdrSize])            // what is no core is refused
	data = append(data, make([]byte, 100000)...) // ends in a hole
	for _, c := range compressors {
		t.Run(c.tool+strings.Join(c.args, ""), func(t *testing.T) {
			z := compress(t, data, c.tool, c.args...)
			if got := Compressed(z); got != c.name {
				t.Fatalf("kind %q, want %q", got, c.name)
			}
			path := filepath.Join(t.TempDir(), "core")
			if err := os.WriteFile(path, z, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var last int64
			s, n, cut, err := decompress(context.Background(), f, int64(len(z)), c.name, Probe, func(done, total int64) { last = done })
			if err != nil || cut != nil {
				t.Fatal(err, cut)
			}
			defer s.Close()
			got := make([]byte, n)
			if k, err := s.ReadAt(got, 0); int64(k) != n || err != nil && err != io.EOF {
				t.Fatalf("read %d of %d: %v", k, n, err)
			}
			if !bytes.Equal(got, data) {
				t.Error("content differs")
			}
			if last != int64(len(z)) {
				t.Errorf("progress ended at %d of %d", last, len(z))
			}
			// Cut short: what came before, and why.
			s, n, cut, err = decompress(context.Background(), f, int64(len(z))*2/3, c.name, Probe, nil)
			switch {
			case err != nil: // not one block of 4 MB is whole
				if c.tool != "lz4" || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("cut file: %v", err)
				}
			case cut == nil:
				t.Error("a cut file is not noticed")
			default:
				defer s.Close()
				got = make([]byte, n)
				s.ReadAt(got, 0)
				if n == 0 || n >= int64(len(data)) || !bytes.Equal(got, data[:n]) {
					t.Errorf("cut file gave %d bytes", n)
				}
			}
			// Cancelled.
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if _, _, _, err = decompress(ctx, f, int64(len(z)), c.name, Probe, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

func TestDecompressRefusesWhatIsNoCore(t *testing.T) {
	for _, c := range compressors {
		for _, data := range [][]byte{[]byte("hello"), sampleData(1 << 20), {}} {
			z := compress(t, data, c.tool, c.args...)
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, z, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, ErrNotCore) {
				t.Errorf("%s of %d bytes: %v", c.name, len(data), err)
			}
		}
	}
}

func TestLZ4FramesFollowEachOther(t *testing.T) {
	a, b := []byte(strings.Repeat("first ", 1000)), []byte(strings.Repeat("second ", 1000))
	in := compress(t, a, "lz4", "-q")
	in = append(in, "\x5a\x2a\x4d\x18\x05\x00\x00\x00skip!"...)
	in = append(in, compress(t, b, "lz4", "-q")...)
	got, err := io.ReadAll(newLZ4Reader(bytes.NewReader(in)))
	if err != nil || !bytes.Equal(got, append(a, b...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestLZ4Damage(t *testing.T) {
	data := sampleData(200000)
	good := compress(t, data, "lz4", "-q", "-BX", "--content-size")
	rng := rand.New(rand.NewSource(1))
	for range 500 {
		bad := bytes.Clone(good)
		bad[rng.Intn(len(bad))] ^= byte(1 + rng.Intn(255))
		got, err := io.ReadAll(newLZ4Reader(bytes.NewReader(bad)))
		if err == nil && !bytes.Equal(got, data) {
			t.Fatal("damage not noticed")
		}
	}
}

func TestXXH32(t *testing.T) {
	// Test vectors of the xxHash project (seed 0).
	for in, want := range map[string]uint32{
		"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff,
		"Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		if got := xxh32Of([]byte(in)); got != want {
			t.Errorf("xxh32(%q) = %#x, want %#x", in, got, want)
		}
		x := newXXH32()
		for i := range in {
			x.write([]byte(in[i : i+1]))
		}
		if got := x.sum(); got != want {
			t.Errorf("xxh32(%q) by bytes = %#x, want %#x", in, got, want)
		}
	}
}

// TestCompressedCore opens a core as systemd-coredump keeps it.
func TestCompressedCore(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	plain := openCore(t, s.Core, Options{Program: s.Exe})
	data, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ ext, tool string }{{".zst", "zstd"}, {".xz", "xz"}, {".gz", "gzip"}, {".lz4", "lz4"}} {
		t.Run(c.ext, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "core"+c.ext)
			if err := os.WriteFile(path, compress(t, data, c.tool, "-1"), 0o600); err != nil {
				t.Fatal(err)
			}
			tg := openCore(t, path, Options{Program: s.Exe})
			if len(tg.Threads()) != len(plain.Threads()) || len(tg.Mappings()) != len(plain.Mappings()) || len(tg.Warnings()) != 0 {
				t.Errorf("%d threads, %d mappings, %q", len(tg.Threads()), len(tg.Mappings()), tg.Warnings())
			}
		})
	}
}

// No file of a decompressed core stays behind, nor is there one to see.
func TestDecompressLeavesNoFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s, err := newSpill()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e, _ := os.ReadDir(dir); len(e) != 0 || s.f == nil {
		t.Errorf("files %v", e)
	}
}

func FuzzLZ4(f *testing.F) {
	f.Add([]byte("\x04\x22\x4d\x18\x40\x40\xc0\x05\x00\x00\x80hello\x00\x00\x00\x00"))
	f.Add([]byte("\x04\x22\x4d\x18\x60\x70\x73\x0a\x00\x00\x00\x15a\x01\x00\x50aaaaa\x00\x00\x00\x00"))
	f.Add([]byte("\x50\x2a\x4d\x18\x02\x00\x00\x00xx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, _ := io.Copy(io.Discard, io.LimitReader(newLZ4Reader(bytes.NewReader(b)), 64<<20))
		// LZ4 cannot expand by more than 255.
		if n > int64(len(b))*256 {
			t.Errorf("%d bytes from %d", n, len(b))
		}
	})
}
