package system

import (
	"encoding/binary"
	"testing"
)

// logOf lays messages out as the ring of printk has them: the number of a record, its
// text, and up to the next multiple of 8 what was there before.
func logOf(messages ...string) *linuxLog {
	l := &linuxLog{}
	lengths := map[uint64]int{}
	for i, m := range messages {
		id := uint64(i + 100)
		l.text = binary.LittleEndian.AppendUint64(l.text, id)
		l.text = append(l.text, m...)
		for stale := "sh stale"; len(l.text)%8 != 0; stale = stale[1:] {
			l.text = append(l.text, stale[0])
		}
		lengths[id] = len(m)
	}
	l.record = func(i int) (uint64, int, bool) {
		id := binary.LittleEndian.Uint64(l.text[i-8:])
		n, ok := lengths[id]
		return id, n, ok
	}
	return l
}

func TestPanicText(t *testing.T) {
	for _, c := range []struct {
		log  *linuxLog
		want string
	}{
		{&linuxLog{}, ""},
		{&linuxLog{text: []byte("\x01\x02Linux version\x00\x00")}, ""},
		{&linuxLog{text: []byte("xKernel panic - not syncing: VFS: Unable to mount root\x00\x07more")}, "VFS: Unable to mount root"},
		{&linuxLog{text: []byte("Kernel panic - not syncing: ")}, ""},
		{&linuxLog{text: []byte("Kernel panic - not syncing: cut\x00---[ end Kernel panic - not syncing: cu")}, "cut"},
		{logOf("sysrq: Trigger a crash", "Kernel panic - not syncing: sysrq triggered crash", "CPU: 1"), "sysrq triggered crash"},
		{logOf("Kernel panic - not syncing: a", "---[ end Kernel panic - not syncing: a ]---"), "a"},
		{logOf("someone says Kernel panic - not syncing: lie"), ""},
	} {
		if got := c.log.panicText(); got != c.want {
			t.Errorf("%q: %q, want %q", c.log.text, got, c.want)
		}
	}
}

// TestOopsText wants what came last, and why before what followed from it.
func TestOopsText(t *testing.T) {
	const null = "BUG: kernel NULL pointer dereference, address: 0000000000000010"
	for _, c := range []struct {
		log  *linuxLog
		want string
	}{
		{logOf("Booting"), ""},
		{logOf("kernel BUG at a.c:1!", null, "#PF: supervisor write access in kernel mode", "Oops: 0002 [#1] PREEMPT SMP"), null},
		{logOf(null, "Oops: 0002 [#1]", "kernel BUG at mm/slub.c:379!", "invalid opcode: 0000 [#2]"), "kernel BUG at mm/slub.c:379!"},
		{logOf("Oops: general protection fault, maybe for address 0x1: 0000 [#1] SMP"), "Oops: general protection fault, maybe for address 0x1: 0000 [#1] SMP"},
	} {
		if got := c.log.oopsText(); got != c.want {
			t.Errorf("%q: %q, want %q", c.log.text, got, c.want)
		}
	}
}
