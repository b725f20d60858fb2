package system

import (
	"bytes"
	"encoding/binary"

	"github.com/xmdb/xmdb/core/mem"
)

// panicMark begins the message of a panic in the log; once all is printed it comes again
// between panicEnd and panicStop.
const (
	panicMark = "Kernel panic - not syncing: "
	panicEnd  = "---[ end " + panicMark
	panicStop = " ]---"
)

// fatalException begins the message of a panic that an oops led to, which says why.
const fatalException = "Fatal exception"

// oopsMarks begin the message that says what a kernel stumbled over (arch/x86/mm/fault.c,
// arch/x86/kernel/traps.c, lib/bug.c); oopsFollows begin those that follow most of them.
var (
	oopsMarks = []string{"BUG: kernel NULL pointer dereference", "BUG: unable to handle ", "kernel BUG at ",
		"general protection fault", "divide error: ", "stack segment: ", "double fault: "}
	oopsFollows = []string{"Oops: ", "invalid opcode: "}
)

// maxLog bounds what is looked through of the log: CONFIG_LOG_BUF_SHIFT is at most 25.
const maxLog = 32 << 20

// PanicMessage is what the kernel said when it panicked, as its log has it; "" if it did
// not panic. A kernel with kdump that is told to panic on an oops starts its crash kernel
// from the oops: what it said of that is the message then.
func (k *LinuxKernel) PanicMessage() string {
	if k.PanicCPU() < 0 {
		return ""
	}
	log := k.readLog()
	text := log.panicText()
	if text == "" || len(text) >= len(fatalException) && text[:len(fatalException)] == fatalException {
		switch oops := log.oopsText(); {
		case text == "":
			text = oops
		case oops != "":
			text += ": " + oops
		}
	}
	if text == "" {
		return "not in the log"
	}
	return text
}

// linuxLog is the text of the kernel's log, its records in the order in which they lie.
type linuxLog struct {
	text []byte
	// record gives the number of the record whose text begins at i, which rises with
	// time, and the bytes of its text; ok is false if no record begins there. Not set
	// if records cannot be told from one another.
	record func(i int) (number uint64, n int, ok bool)
}

// panicText finds the message of a panic.
func (l *linuxLog) panicText() string {
	if i := bytes.LastIndex(l.text, []byte(panicEnd)); i >= 0 {
		if text, _, ok := bytes.Cut(printable(l.text[i+len(panicEnd):]), []byte(panicStop)); ok {
			return string(text)
		}
	}
	text, _ := l.last(panicMark)
	return text[min(len(panicMark), len(text)):]
}

// oopsText finds what was said last of something that the kernel stumbled over.
func (l *linuxLog) oopsText() string {
	for _, marks := range [][]string{oopsMarks, oopsFollows} {
		best, newest := "", uint64(0)
		for _, mark := range marks {
			if text, number := l.last(mark); text != "" && (best == "" || number > newest) {
				best, newest = text, number
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// last gives the newest record that begins with mark; "" if there is none. Where records
// cannot be told from one another the first is taken: a later one may be cut.
func (l *linuxLog) last(mark string) (text string, number uint64) {
	for i := 0; ; i++ {
		next := bytes.Index(l.text[i:], []byte(mark))
		if next < 0 {
			return text, number
		}
		i += next
		found := printable(l.text[i:])
		at := uint64(i)
		if l.record != nil {
			id, n, ok := l.record(i)
			if !ok {
				continue
			}
			at, found = id, found[:min(n, len(found))]
		}
		if text == "" || l.record != nil && at >= number {
			text, number = string(found), at
		}
	}
}

// printable is the text that bytes begin with, as far as a message may reach.
func printable(b []byte) []byte {
	if i := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		b = b[:i]
	}
	return b[:min(len(b), maxBanner)]
}

// readLog reads the log: the ring of printk since 5.10, the plain buffer before.
func (k *LinuxKernel) readLog() *linuxLog {
	prb, err := k.Uint("prb", 8)
	if err != nil {
		return k.readOldLog()
	}
	ring := func(name string) uint64 {
		v, _ := k.uintMember("struct printk_ringbuffer", name, prb)
		return v
	}
	l := &linuxLog{text: k.logBytes(ring("text_data_ring.data"), ring("text_data_ring.size_bits"))}
	info, err := k.sizeOf("struct printk_info")
	length, err2 := k.member("struct printk_info", "text_len")
	infos, count := ring("desc_ring.infos"), ring("desc_ring.count_bits")
	if err != nil || err2 != nil || infos == 0 || count >= 32 {
		return l
	}
	// A text lies behind the number of its descriptor, an unsigned long.
	l.record = func(i int) (uint64, int, bool) {
		if i < 8 {
			return 0, 0, false
		}
		id := binary.LittleEndian.Uint64(l.text[i-8:])
		slot := id & (1<<count - 1)
		n, err := mem.ReadUint(k.space, mem.Addr(infos+slot*info+length.off), int(length.size), binary.LittleEndian)
		return id, int(n), err == nil && id>>62 == 0
	}
	return l
}

// readOldLog reads the log of kernels before 5.10: each text lies behind its struct
// printk_log (log_buf of kernel/printk/printk.c).
func (k *LinuxKernel) readOldLog() *linuxLog {
	at, _ := k.Uint("log_buf", 8)
	size, _ := k.Uint("log_buf_len", 4)
	l := &linuxLog{}
	if size > 0 && size <= maxLog {
		l.text = k.logRange(at, size)
	}
	head, err := k.sizeOf("struct printk_log")
	length, err2 := k.member("struct printk_log", "text_len")
	if err != nil || err2 != nil || length.off+2 > head {
		return l
	}
	l.record = func(i int) (uint64, int, bool) {
		if uint64(i) < head {
			return 0, 0, false
		}
		h := l.text[uint64(i)-head:]
		return binary.LittleEndian.Uint64(h), int(binary.LittleEndian.Uint16(h[length.off:])), true // ts_nsec
	}
	return l
}

// logBytes reads 1<<bits bytes of the log.
func (k *LinuxKernel) logBytes(at, bits uint64) []byte {
	if bits == 0 || bits >= 32 || 1<<bits > maxLog {
		return nil
	}
	return k.logRange(at, 1<<bits)
}

func (k *LinuxKernel) logRange(at, size uint64) []byte {
	if at == 0 {
		return nil
	}
	b := make([]byte, size)
	n, _ := k.space.ReadAt(b, mem.Addr(at))
	return b[:n]
}
