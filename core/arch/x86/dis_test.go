package x86

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A row is one instruction as MDB disassembled it.
type row struct {
	mode Mode
	name string
	pc   uint64
	code []byte
	text string
}

func loadRows(t testing.TB) []row {
	t.Helper()
	f, err := os.Open("testdata/dis.tsv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	s := bufio.NewScanner(z)
	for s.Scan() {
		p := strings.Split(s.Text(), "\t")
		if len(p) != 4 {
			t.Fatalf("row %d: %d fields", len(rows), len(p))
		}
		r := row{mode: Mode64, name: p[0], text: p[3]}
		if p[0] == "ia32" {
			r.mode = Mode32
		}
		if r.pc, err = strconv.ParseUint(p[1], 0, 64); err != nil {
			t.Fatal(err)
		}
		if r.code, err = hex.DecodeString(p[2]); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// onScreen is the text as the rows have it: tabs expanded from a column that is
// a multiple of eight, cut where MDB's 80-column line breaks 64 columns on, and
// without blanks around it.
func onScreen(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c != '\t' {
			b.WriteRune(c)
			continue
		}
		b.WriteByte(' ')
		for b.Len()%8 != 0 {
			b.WriteByte(' ')
		}
	}
	s = b.String()
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Trim(s, " ")
}

// TestMDBText: every row that MDB decodes has its text, and our reading of MDB's
// rules decodes no row that MDB does not.
func TestMDBText(t *testing.T) {
	same, wrong := map[string]int{}, 0
	for _, r := range loadRows(t) {
		if r.text == Undecodable {
			var d decoder
			d.init(r.mode, r.code)
			if d.decode() {
				t.Errorf("%s %#x % x: MDB does not decode this, we do", r.name, r.pc, r.code)
			}
			continue
		}
		in := Decode(r.mode, r.code, r.pc, nil)
		if got := onScreen(in.Text); got != r.text {
			if wrong++; wrong <= 20 {
				t.Errorf("%s %#x % x:\n got %q\nwant %q", r.name, r.pc, r.code, got, r.text)
			}
			continue
		}
		same[r.name]++
	}
	t.Logf("the same: %d amd64, %d ia32; others: %d", same["amd64"], same["ia32"], wrong)
}
