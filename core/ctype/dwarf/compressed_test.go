package dwarf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// TestCompressed reads a program whose debug sections are compressed in each of
// the ways there are, and finds the bytes of the plain ones.
func TestCompressed(t *testing.T) {
	fixtures.Need(t, "objcopy")
	path := compile(t, "types.c", "gcc", "-gdwarf-5")
	plain := open(t, path, Options{})
	want, err := plain.info.all()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"zlib", "zlib-gnu", "zstd"} {
		t.Run(kind, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "prog")
			if b, err := exec.Command("objcopy", "--compress-debug-sections="+kind, path, out).CombinedOutput(); err != nil {
				t.Fatalf("objcopy: %v\n%s", err, b)
			}
			d := open(t, out, Options{})
			if d.info.r != nil {
				t.Fatal("the section is not compressed")
			}
			got, err := d.info.all()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
			}
			// Cut inside the section: an error, never fewer bytes.
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b {
				if i%97 == 0 {
					damaged(t, b, i, want)
				}
			}
		})
	}
}

// damaged changes a byte of the file and reads .debug_info.
func damaged(t *testing.T, file []byte, at int, want []byte) {
	t.Helper()
	b := bytes.Clone(file)
	b[at] ^= 0x10
	d, err := New(bytes.NewReader(b), Options{})
	if err != nil || d.info == nil {
		return
	}
	got, err := d.info.all()
	if err == nil && d.info.r == nil && len(got) != len(want) && len(got) > 1<<20 {
		t.Errorf("with byte %#x changed: %d bytes", at, len(got))
	}
	exercise(d)
}

// TestInflateBounds refuses a size that the data cannot have.
func TestInflateBounds(t *testing.T) {
	path := compile(t, "types.c", "gcc", "-gdwarf-5", "-gz=zlib")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := readImage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	// The header of the compressed section: type, reserved, size.
	i := bytes.Index(b, []byte{1, 0, 0, 0, 0, 0, 0, 0, byte(im.sections["info"].size), byte(im.sections["info"].size >> 8)})
	if i < 0 {
		t.Fatal("no compressed section")
	}
	copy(b[i+8:], []byte{0, 0, 0, 0, 1, 0, 0, 0}) // 4 GB
	d, err := New(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.info.all(); err == nil {
		t.Errorf("%d bytes of a section that claims 4 GB", len(got))
	}
}
