package out

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type stringer struct{}

func (stringer) String() string { return "as string" }

func TestAppendJSON(t *testing.T) {
	tests := []struct {
		fields []Field
		want   string
	}{
		{nil, `{}`},
		{[]Field{{"addr", Hex(0x1f)}, {"zero", Addr(0)}}, `{"addr":"0x1f","zero":"0x0"}`},
		{[]Field{{"z", 1}, {"a", -1}, {"u", uint8(2)}}, `{"z":1,"a":-1,"u":2}`},
		{[]Field{{"e", uint64(1 << 53)}, {"big", uint64(1<<53 + 1)}, {"neg", int64(math.MinInt64)}},
			`{"e":9007199254740992,"big":"9007199254740993","neg":"-9223372036854775808"}`},
		{[]Field{{"v", errors.New(`no "mapping"`)}, {"w", nil}}, `{"v":null,"v_error":"no \"mapping\"","w":null}`},
		{[]Field{{"s", "a\tb\n\x01\x7f\\"}, {"b", true}}, `{"s":"a\tb\n\u0001\u007f\\","b":true}`},
		{[]Field{{"latin", "\xffé"}}, `{"latin":"` + "\ufffdé" + `"}`},
		{[]Field{{"f", 1.5}, {"nan", math.NaN()}, {"inf", float32(math.Inf(1))}}, `{"f":1.5,"nan":"NaN","inf":"+Inf"}`},
		{[]Field{{"o", Object{{"x", Hex(1)}, {"y", errors.New("e")}}}}, `{"o":{"x":"0x1","y":null,"y_error":"e"}}`},
		{[]Field{{"l", List{Hex(1), 2, "3", errors.New("e")}}, {"h", []Hex{1, 2}}, {"m", [2]int{1, 2}}},
			`{"l":["0x1",2,"3",null],"h":["0x1","0x2"],"m":[1,2]}`},
		{[]Field{{"str", stringer{}}, {"raw", json.RawMessage(`[1]`)}, {"named", namedInt(3)}}, `{"str":"as string","raw":[1],"named":3}`},
	}
	for _, tt := range tests {
		got := string(AppendJSON(nil, tt.fields))
		if got != tt.want {
			t.Errorf("%v\n got %s\nwant %s", tt.fields, got, tt.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("name", "value\x00\xff\"", uint64(1<<60), 1.5)
	f.Fuzz(func(t *testing.T, name, s string, n uint64, x float64) {
		b := AppendJSON(nil, []Field{{name, s}, {"n", n}, {"h", Hex(n)}, {"x", x}, {"l", List{s, n, errors.New(s)}}})
		if !json.Valid(b) {
			t.Fatalf("not JSON: %s", b)
		}
	})
}

func TestStream(t *testing.T) {
	run := func(asJSON bool) (stdout, order string) {
		var out, all strings.Builder
		s := &Stream{Out: New(tee{&out, &all}, nil), Err: &all, JSON: asJSON}
		s.Text("two\nlines")
		s.Printf(" and %#x%16T|", 16)
		s.Row([]Field{{"addr", Hex(16)}, {"n", 3}})
		s.Warn("mdb: careful\n")
		s.Printf("end\n")
		s.EndLine()
		s.Out.Flush()
		return out.String(), all.String()
	}
	stdout, order := run(false)
	wantText := "two\nlines and 0x10  |\naddr=0x10 n=3\nend\n"
	if stdout != wantText {
		t.Errorf("text: %q", stdout)
	}
	if want := strings.Replace(wantText, "end", "mdb: careful\nend", 1); order != want {
		t.Errorf("order: %q", order)
	}
	stdout, _ = run(true)
	wantJSON := `{"text":"two"}` + "\n" + `{"text":"lines and 0x10  |"}` + "\n" + `{"addr":"0x10","n":3}` + "\n" + `{"text":"end"}` + "\n"
	if diff := cmp.Diff(wantJSON, stdout); diff != "" {
		t.Error(diff)
	}
}

type tee struct{ a, b *strings.Builder }

func (t tee) Write(p []byte) (int, error) {
	t.a.Write(p)
	return t.b.Write(p)
}

func TestRecorder(t *testing.T) {
	var r Recorder
	row := []Field{{"a", 1}}
	r.Text("t")
	r.Row(row)
	r.Warn("w")
	row[0].Value = 2
	want := []Event{{Text: "t"}, {Row: []Field{{"a", 1}}}, {Warn: "w"}}
	if diff := cmp.Diff(want, r.Events); diff != "" {
		t.Error(diff)
	}
}

func TestPager(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("x\n", n) }
	tests := []struct {
		name  string
		rows  int
		text  string
		keys  string
		pages []int // lines written when each question is asked
		total int
		err   error
	}{
		{"fits", 5, lines(4), "", nil, 4, nil},
		{"a page at a time", 5, lines(10), "  ", []int{4, 8}, 10, nil},
		{"a line at a time", 5, lines(8), "\rn ", []int{4, 5, 6}, 8, nil},
		{"unknown keys ask again", 5, lines(5), "xy ", []int{4, 4, 4}, 5, nil},
		{"continue", 5, lines(100), "c", []int{4}, 100, nil},
		{"quit", 5, lines(10), " q", []int{4, 8}, 8, ErrQuit},
		{"interrupt", 5, lines(10), "\x03", []int{4}, 4, ErrQuit},
		{"no more keys", 5, lines(10), "", []int{4}, 4, ErrQuit},
		{"abort", 5, lines(10), "a", []int{4}, 4, ErrAbort},
		{"an open line is one line", 3, "a\nb\nc", " ", []int{2}, 2, nil},
		{"no terminal", 0, lines(10), "", nil, 10, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			var pages []int
			keys := tt.keys
			g := NewPager(&b, tt.rows, func(prompt string) byte {
				if prompt != "" && prompt != PagerPrompt {
					t.Errorf("prompt %q", prompt)
				}
				pages = append(pages, strings.Count(b.String(), "\n"))
				if keys == "" {
					return 0
				}
				k := keys[0]
				keys = keys[1:]
				return k
			})
			p := New(g, nil)
			p.SetTTY(true)
			p.WriteString(tt.text)
			err := p.Flush()
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.pages, pages); diff != "" {
				t.Error(diff)
			}
			if n := strings.Count(b.String(), "\n"); n != tt.total {
				t.Errorf("%d lines, want %d", n, tt.total)
			}
			if _, err := g.Write([]byte("more\n")); tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("written after the end: %v", err)
			}
			g.Reset()
			p.ClearErr()
			p.WriteString("again\n")
			if p.Flush() != nil || !strings.HasSuffix(b.String(), "again\n") {
				t.Error("nothing is written after Reset")
			}
		})
	}
}

func TestEscapeC(t *testing.T) {
	tests := []struct{ raw, esc string }{
		{"plain text", "plain text"},
		{"\x00\a\b\f\n\r\t\v\"\\", `\0\a\b\f\n\r\t\v\"\\`},
		{"\x01\x1f\x7f\x80\xff", `\001\037\177\200\377`},
	}
	for _, tt := range tests {
		if got := EscapeC([]byte(tt.raw)); got != tt.esc {
			t.Errorf("%q: got %s, want %s", tt.raw, got, tt.esc)
		}
		if got := UnescapeC(tt.esc); got != tt.raw {
			t.Errorf("%s: got %q, want %q", tt.esc, got, tt.raw)
		}
	}
	for in, want := range map[string]string{
		`\x41\q`: `\x41\q`, `end\`: "end", `\18\1234`: "\x018S4", `\777`: "\xff", `\400`: "\x00", "": "",
	} {
		if got := UnescapeC(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	if got := EscapeADB([]byte("a\x01\x7f\x80\xe1")); got != "a^A^?^@a" {
		t.Errorf("adb: %q", got)
	}
}

func TestNiceNum(t *testing.T) {
	tests := map[uint64]string{
		0: "0", 1023: "1023", 1024: "1K", 1536: "1.50K", 10000: "9.7K", 9000: "8.78K", 1048575: "0.99M",
		102400: "100K", 100000: "97.6K", 1 << 40: "1T", 3 << 30: "3.00G", 1<<64 - 1: "15.9E", 5<<60 + 1<<59: "5.50E",
	}
	for v, want := range tests {
		if got := NiceNum(v); got != want {
			t.Errorf("%d: got %s, want %s", v, got, want)
		}
	}
}

func TestBitRows(t *testing.T) {
	tests := []struct{ got, want string }{
		{OneBit(8, 5, true), "..1. ...."},
		{OneBit(8, 0, false), ".... ...0"},
		{InvalBits(8, 2, 5), "..xx xx.."},
		{OneBit(6, 5, true), "1... .."},
		{OneBit(0, 0, true), ""},
		{Bits{{"A", 1, 1}}.Format(3, true), "A,2"},
		{FormatUint(12, 10), "0t12"},
		{FormatOffset(-16, 16), "-0x10"},
		{FormatOffset(3, 16), "+3"},
		{FormatFloat(1, 7), "+1.0000000e+00"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
