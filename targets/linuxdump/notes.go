package linuxdump

import (
	"bytes"
	"fmt"
)

// Types of notes (linux/elf.h, xen/elfnote.h).
const (
	ntPRStatus = 1
	ntPRPSInfo = 3
	ntAuxv     = 6
	ntFile     = 0x46494c45
)

// maxCPUs bounds the notes of CPUs that are kept.
const maxCPUs = 1 << 16

// notes are what the notes of a dump hold.
type notes struct {
	prstatus   [][]byte // NT_PRSTATUS, one for each CPU
	qemu       [][]byte // struct QEMUCPUState, one for each vCPU
	vmcoreinfo []byte   // nil if there is none
	kcore      bool     // of the kernel itself: NT_PRPSINFO names vmlinux
	process    bool     // has what only the core of a process has
	xen        bool     // of a Xen hypervisor
}

// parse adds the notes in b. A note that cannot be is the last, and an error.
//
// Source of the format: the ELF specification, part Note Section, with the 4-byte
// alignment that Linux and QEMU use in both classes.
func (n *notes) parse(b []byte) error {
	all := len(b)
	for len(b) >= 12 {
		name, desc, typ := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint32(b[8:])
		if name == 0 && desc == 0 && typ == 0 {
			return nil // the kernel ends a CPU's notes with an empty one
		}
		at := 12 + (name+3)&^3
		end := at + desc
		if end > uint64(len(b)) {
			return fmt.Errorf("the note at byte %d of the notes does not end in them", all-len(b))
		}
		owner := b[12 : 12+name]
		if k := bytes.IndexByte(owner, 0); k >= 0 {
			owner = owner[:k]
		}
		n.add(string(owner), typ, b[at:end:end])
		b = b[min((end+3)&^3, uint64(len(b))):]
	}
	return nil
}

func (n *notes) add(owner string, typ uint32, desc []byte) {
	switch owner {
	case "CORE":
		switch typ {
		case ntPRStatus:
			if len(n.prstatus) < maxCPUs {
				n.prstatus = append(n.prstatus, desc)
			}
		case ntPRPSInfo:
			n.kcore = commandName(desc) == "vmlinux"
			n.process = n.process || !n.kcore
		case ntAuxv, ntFile:
			n.process = true
		}
	case "QEMU":
		if typ == 0 && len(n.qemu) < maxCPUs {
			n.qemu = append(n.qemu, desc)
		}
	case "VMCOREINFO":
		if n.vmcoreinfo == nil && len(desc) > 0 {
			n.vmcoreinfo = trimNUL(desc)
		}
	case "Xen", "VMCOREINFO_XEN":
		n.xen = true
	}
}

// commandName is pr_fname of a struct elf_prpsinfo of 64 or 32 bits.
func commandName(desc []byte) string {
	at := 40
	if len(desc) == 124 {
		at = 28
	}
	if len(desc) < at+16 {
		return ""
	}
	name, _, _ := bytes.Cut(desc[at:at+16], []byte{0})
	return string(name)
}

func trimNUL(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
