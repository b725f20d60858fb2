package linux

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/value"
	"github.com/xmdb/xmdb/modules/kernel"
)

// The logs of the tests: 8 descriptors of 24 bytes at 0, 8 infos of 16 bytes at 0x100, 128
// bytes of text at 0x200. The ring itself, which says so, is not in their memory.
const (
	testInfos    = 0x100
	testText     = 0x200
	testDescBits = 3
	testTextBits = 7
	testMemory   = testText + 1<<testTextBits
)

func testLog(mem []byte, tail, head uint64) *logReader {
	s := core.NewSession("xmdb", io.Discard, io.Discard)
	s.Context().Space = value.Bytes(mem)
	word := func(i uint64) kernel.Field { return kernel.Field{Off: 8 * i, Size: 8} }
	r := &logReader{v: kernel.Of(s),
		ring:  &ringLayout{CountBits: word(0), Descs: word(1), Infos: word(2), HeadID: word(3), TailID: word(4), TextBits: word(5), Text: word(6)},
		desc:  &descLayout{Size: 24, State: word(0), Begin: word(1), Next: word(2)},
		info:  &infoLayout{Size: 16, Seq: kernel.Field{Off: 0, Size: 4}, Time: kernel.Field{Off: 4, Size: 8}, Len: kernel.Field{Off: 12, Size: 2}, Facility: kernel.Field{Off: 14, Size: 1}},
		level: kernel.Field{Off: 15, Size: 1}, shift: 5}
	for _, n := range []uint64{testDescBits, 0, testInfos, head, tail, testTextBits, testText} {
		r.b = binary.LittleEndian.AppendUint64(r.b, n)
	}
	return r
}

// put writes a record with its text at a position; it gives the position behind.
func put(mem []byte, id, state, pos uint64, text string) uint64 {
	size := uint64(1) << testTextBits
	need := (blockHead + uint64(len(text)) + 7) &^ 7
	at, next := pos%size, pos+need
	if (pos+need-1)/size != pos/size { // it would lie across the end
		at, next = 0, (pos/size+1)*size+need
	}
	d := mem[id%8*24:]
	binary.LittleEndian.PutUint64(d, state<<descStateLow|id)
	binary.LittleEndian.PutUint64(d[8:], pos)
	binary.LittleEndian.PutUint64(d[16:], next)
	i := mem[testInfos+id%8*16:]
	binary.LittleEndian.PutUint32(i, uint32(id))
	binary.LittleEndian.PutUint64(i[4:], 1e9*id+5000)
	binary.LittleEndian.PutUint16(i[12:], uint16(len(text)))
	i[15] = 6 << 5
	binary.LittleEndian.PutUint64(mem[testText+at:], id)
	copy(mem[testText+at+blockHead:], text)
	return next
}

func texts(r *logReader) (list []string, failed error) {
	for rec, err := range r.records() {
		if err != nil {
			failed = err
			continue
		}
		list = append(list, rec.text)
	}
	return list, failed
}

// TestLogWraps reads texts that end where the ring does, and that lie at its start because
// they did not fit before its end; what is being written is left out.
func TestLogWraps(t *testing.T) {
	const round = 1000 << testTextBits
	exact := strings.Repeat("x", 40)
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{exact, "at the start"}, exact + "|at the start"},
		{[]string{"before the end", "too long to lie before the end"}, "before the end|too long to lie before the end"},
		{[]string{"before the end", "-", "and on"}, "before the end|and on"},
	} {
		mem, pos := make([]byte, testMemory), uint64(round+80)
		for i, text := range c.texts {
			state := uint64(descFinalized)
			if text == "-" {
				state = 0
			}
			pos = put(mem, uint64(20+i), state, pos, text)
		}
		got, err := texts(testLog(mem, 20, 19+uint64(len(c.texts))))
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%q, %v, want %q", got, err, c.want)
		}
	}
}

func TestLogDamage(t *testing.T) {
	if _, err := texts(testLog(nil, 20, 24)); err == nil {
		t.Error("a log without memory is read")
	}
	if _, err := texts(testLog(make([]byte, testMemory), 20, 28)); err == nil {
		t.Error("a log of more descriptors than there are is read")
	}
	r := testLog(nil, 0, 0)
	for _, bits := range [][2]uint64{{0, 10}, {maxDescBits + 1, 10}, {3, 0}, {3, maxLogBits + 1}} {
		binary.LittleEndian.PutUint64(r.b, bits[0])
		binary.LittleEndian.PutUint64(r.b[40:], bits[1])
		if err := r.check(0); err == nil {
			t.Errorf("bits %v pass", bits)
		}
	}
}

// FuzzLog reads logs of any memory: no text is longer than the ring, no log has more
// records than descriptors.
func FuzzLog(f *testing.F) {
	mem := make([]byte, testMemory)
	pos := put(mem, 20, descFinalized, 80, "before the end")
	put(mem, 21, descCommitted, pos, "wraps to the start of the ring")
	f.Add(mem, uint64(20), uint64(21))
	f.Add(mem[:testText+40], uint64(20), uint64(24))
	f.Add([]byte{}, uint64(0), uint64(7))
	f.Fuzz(func(t *testing.T, mem []byte, tail, head uint64) {
		list, _ := texts(testLog(mem, tail, head))
		if len(list) > 1<<testDescBits {
			t.Errorf("%d records", len(list))
		}
		for _, s := range list {
			if len(s) > 1<<testTextBits-blockHead {
				t.Errorf("a text of %d bytes", len(s))
			}
		}
	})
}
