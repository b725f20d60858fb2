package line

import (
	"io"
	"strings"
	"testing"
)

func TestPrefix(t *testing.T) {
	for _, tc := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"walk"}, "walk"},
		{[]string{"walk", "walkers"}, "walk"},
		{[]string{"print", "printf", "proc"}, "pr"},
		{[]string{"a", "b"}, ""},
	} {
		var c []Candidate
		for _, s := range tc.in {
			c = append(c, Candidate{Text: s})
		}
		if got := prefix(c); got != tc.want {
			t.Errorf("prefix(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestListDescribes(t *testing.T) {
	got := list([]Candidate{{Text: "walk", Descr: "walk data structure"}, {Text: "walkers", Descr: "list available walkers"}}, 24)
	want := "walk     walk data stru\nwalkers  list available\n"
	if got != want {
		t.Errorf("list:\n%q\nwant\n%q", got, want)
	}
}

func TestListColumns(t *testing.T) {
	var c []Candidate
	for _, s := range strings.Fields("aa bb cc dd ee") {
		c = append(c, Candidate{Text: s})
	}
	if got, want := list(c, 13), "aa  cc  ee\nbb  dd\n"; got != want {
		t.Errorf("list = %q, want %q", got, want)
	}
}

// chunks gives one of its strings per Read.
type chunks struct{ list []string }

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.list) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.list[0])
	c.list = c.list[1:]
	return n, nil
}

func TestGateHandsOverOneLine(t *testing.T) {
	g := newGate(&chunks{[]string{"one\rtwo\r", "three\r"}})
	for _, want := range []string{"one\r", "two\r", "three\r"} {
		g.arm()
		var line strings.Builder
		for !strings.HasSuffix(line.String(), "\r") {
			var b [2]byte
			n, err := g.Read(b[:])
			if err != nil {
				t.Fatal(err)
			}
			line.Write(b[:n])
		}
		if line.String() != want {
			t.Errorf("line %q, want %q", line.String(), want)
		}
		if g.open {
			t.Error("the gate is open after a line")
		}
	}
}

func TestGatePaste(t *testing.T) {
	g := newGate(&chunks{[]string{"a\tb\x1b[20", "0~c\td\x1b[201~e\t"}})
	g.arm()
	var got []byte
	for {
		var b [64]byte
		n, err := g.Read(b[:])
		got = append(got, b[:n]...)
		if err != nil {
			break
		}
	}
	if want := "a\tbc de\t"; string(got) != want {
		t.Errorf("through the gate: %q, want %q", got, want)
	}
}

func TestGateKeysAfterLine(t *testing.T) {
	g := newGate(&chunks{[]string{"x\rq"}})
	g.arm()
	var b [8]byte
	n, _ := g.Read(b[:])
	if string(b[:n]) != "x\r" {
		t.Fatalf("line %q", b[:n])
	}
	if c, err := g.key(); c != 'q' || err != nil {
		t.Errorf("key = %q, %v", c, err)
	}
}
