package linuxdump

import (
	"bytes"
	"context"
	"io"
)

// headSize is how much of a file tells what it is, bytes.
const headSize = 64

func headOf(r io.ReaderAt) []byte {
	head := make([]byte, headSize)
	n, _ := r.ReadAt(head, 0)
	return head[:n]
}

// foreigners are files with a machine's memory that are not opened, and what to do.
var foreigners = []struct{ magic, what string }{
	{diskdumpSignature, "a dump by diskdump, the predecessor of kdump"},
	{"LibvirtQemudSave", "a saved virtual machine: virsh dump makes this without --memory-only"},
	{"LibvirtQemudPart", "a saved virtual machine that is not complete"},
	{"QEVM", "the state of a virtual machine as QEMU migrates it"},
	{"PAGEDU64", "a crash dump of Windows"},
	{"PAGEDUMP", "a crash dump of Windows"},
}

// foreign says what a file is that is known and not opened; "" for others.
func foreign(head []byte) string {
	for _, f := range foreigners {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.what
		}
	}
	return ""
}

// Probe tells whether a file is a dump of a machine's memory, by its content: one that
// Open takes, or of which it can say why not. It reads headers and notes only.
func Probe(r io.ReaderAt, size int64) bool {
	p := part{r: r, size: uint64(max(size, 0))}
	head := headOf(r)
	switch {
	case isKdump(head) || isLime(head) || foreign(head) != "":
		return true
	case isFlattened(head):
		return probeFlattened(p)
	}
	f, err := readELF(r, p.size)
	return err == nil && f.ofMachine()
}

// probeFlattened tells whether a flattened file has a dump: what else would be
// flattened? A look at its first record is enough.
func probeFlattened(p part) bool {
	one := part{r: io.NewSectionReader(p.r, 0, flatHeaderSize+flatRecordSize+headSize), size: flatHeaderSize + flatRecordSize + headSize}
	runs, _, _, err := flatRecords(context.Background(), one, nil)
	return err == nil && len(runs) > 0
}
