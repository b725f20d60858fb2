package system

import (
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/fixtures"
)

// typesOf opens the types of a file.
func typesOf(t *testing.T, path string, files *Files) *Image {
	t.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if files == nil {
		files = NewFiles("/nonexistent", "/nonexistent")
	}
	set := elffile.NewSet(f, &files.Finder)
	t.Cleanup(func() { set.Close() })
	return NewImage(&fileSource{set, files})
}

// fileSource is an ELF file without mappings.
type fileSource struct {
	set   *elffile.Set
	files *Files
}

func (s *fileSource) FileSet() *elffile.Set       { return s.set }
func (s *fileSource) FullName() string            { return s.set.File.Path }
func (s *fileSource) FileMappings() []mem.Mapping { return nil }
func (s *fileSource) Files() *Files               { return s.files }

func TestRecognise(t *testing.T) {
	for _, tt := range []struct {
		target any
		want   string
	}{
		{twoNamespaces(), "*system.Process"},
		{&fileSource{elffile.NewSet(&elffile.File{File: &elf.File{}}, nil), nil}, "*system.Image"},
		{"a raw file", "<nil>"},
	} {
		sys, err := Recognise(t.Context(), tt.target)
		if got := fmt.Sprintf("%T", sys); err != nil || got != tt.want {
			t.Errorf("%T is %s, %v; want %s", tt.target, got, err, tt.want)
		}
	}
}

// TestTypes has each kind of type data once.
func TestTypes(t *testing.T) {
	withBTF := filepath.Join(t.TempDir(), "btf")
	fixtures.Need(t, "objcopy")
	stripped := fixtures.BuildProgram(t, "c/stripped").Exe
	if out, err := exec.Command("objcopy", "--add-section", ".BTF=../ctype/btf/testdata/plain.btf", stripped, withBTF).CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v: %s", err, out)
	}
	byID := fixtures.BuildProgram(t, "c/buildid")
	tests := []struct {
		name, path string
		files      *Files
		typ        string
		size       uint64
	}{
		{"CTF", "../../targets/objfile/testdata/prog", nil, "struct node", 0x40},
		{"DWARF", fixtures.BuildProgram(t, "c/O2").Exe, nil, "struct node", 24},
		{"DWARF in a debug file", byID.Exe, NewFiles("", byID.Debug), "struct node", 24},
		{"BTF", withBTF, nil, "int", 4},
		{"none", stripped, nil, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			im := typesOf(t, tt.path, tt.files)
			s := im.TypeScope(im.Namespace().Main())
			if tt.typ == "" {
				if s != nil {
					t.Errorf("types from nowhere: %v", s.Label())
				}
				return
			}
			if s == nil {
				t.Fatalf("no types: %v", im.info.Missing())
			}
			typ, err := s.Lookup(tt.typ)
			if err != nil || typ.Body().Size != tt.size {
				t.Errorf("%s: %v, %v", tt.typ, typ, err)
			}
		})
	}
}
