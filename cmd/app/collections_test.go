package app_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// TestRustCollections compares what ::print -P shows of Rust's collections under -J
// with what the program found in them when it went through them itself, hash tables
// in their order, too (fixtures/programs/collections).
func TestRustCollections(t *testing.T) {
	s := fixtures.Build(t, "rust/zoo")
	said, err := os.ReadFile(filepath.Join(s.Dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	d := openSubject(t, s)
	n := 0
	for line := range strings.Lines(string(said)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "zoo" || name == "ready" {
			continue
		}
		rows := d.rows(s.Facts["zoo"] + "::print -PL collections::Zoo " + name)
		if len(rows) != 1 {
			t.Errorf("%s: %d rows", name, len(rows))
			continue
		}
		got, err := json.Marshal(rows[0]["value"])
		if err != nil {
			t.Fatal(err)
		}
		var g, w any
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		if err := json.Unmarshal(got, &g); err != nil {
			t.Fatal(err)
		}
		if n++; !reflect.DeepEqual(g, w) {
			t.Errorf("%s is\n%.600s\nthe program has\n%.600s", name, got, text)
		}
	}
	if n != 23 {
		t.Errorf("%d members", n)
	}
}

// overlay is a file of which eight bytes are others.
type overlay struct {
	io.ReaderAt
	at   int64
	word [8]byte
}

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.ReaderAt.ReadAt(p, off)
	for i := range o.word {
		if at := o.at + int64(i) - off; at >= 0 && at < int64(n) {
			p[at] = o.word[i]
		}
	}
	return n, err
}

// TestDamagedCollections: collections of which a word is wrong end, in time, with what
// can be read or a reason.
func TestDamagedCollections(t *testing.T) {
	s := fixtures.Build(t, "rust/zoo")
	dump, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	zoo, err := strconv.ParseUint(s.Facts["zoo"], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(-1) // of the structure in the core
	e, err := elf.NewFile(bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && zoo >= p.Vaddr && zoo-p.Vaddr < p.Filesz {
			at = int64(p.Off + zoo - p.Vaddr)
		}
	}
	if at < 0 {
		t.Fatal("the structure is not in the core")
	}
	const size = 560 // bytes of it
	for i, word := range []uint64{^uint64(0), 0, 1 << 40, 7, zoo} {
		for off := int64(8 * i); off < size; off += 40 {
			o := &overlay{ReaderAt: bytes.NewReader(dump), at: at + off}
			binary.LittleEndian.PutUint64(o.word[:], word)
			target, err := elfcore.OpenAt("core", o, int64(len(dump)), elfcore.Options{Program: s.Exe, Files: system.NewFiles("")})
			if err != nil {
				t.Fatal(err)
			}
			d := newInside(t, target)
			start := time.Now()
			d.run(s.Facts["zoo"] + "::print -P collections::Zoo")
			d.s.Opts.JSON = true
			d.run(s.Facts["zoo"] + "::print -P collections::Zoo")
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%#x at %d: takes %v", word, off, took)
			}
			target.Close()
		}
	}
}
