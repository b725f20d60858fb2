package system

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// linuxNameLen is the size of a member of struct new_utsname (__NEW_UTS_LEN + 1); a
// structure has six of them.
const linuxNameLen = 65

// Utsname reads what the kernel calls itself; where that cannot be read, what its banner
// says.
func (k *LinuxKernel) Utsname() (Utsname, error) {
	var u Utsname
	at, ok := k.Symbol("init_uts_ns")
	if !ok {
		return k.bannerName()
	}
	m, err := k.member("struct uts_namespace", "name")
	if err != nil {
		off, ok := uint64(0), false
		if k.image.info != nil {
			off, ok = k.image.info.Offsets["uts_namespace.name"]
		}
		if !ok {
			return k.bannerName()
		}
		m.off = off
	}
	b := make([]byte, 5*linuxNameLen)
	if err := mem.ReadFull(k.space, b, mem.Addr(at+m.off)); err != nil {
		return k.bannerName()
	}
	for _, f := range []*string{&u.Sysname, &u.Nodename, &u.Release, &u.Version, &u.Machine} {
		s, _, _ := bytes.Cut(b[:linuxNameLen], []byte{0})
		*f, b = string(s), b[linuxNameLen:]
	}
	return u, nil
}

// maxBanner bounds linux_banner.
const maxBanner = 1024

// Banner is "Linux version ...", without the newline at its end.
func (k *LinuxKernel) Banner() (string, error) {
	at, ok := k.Symbol("linux_banner")
	if !ok {
		return "", errors.New("kernel has no linux_banner")
	}
	s, err := mem.ReadString(imageSpace{k.phys, k.image.physBase}, mem.Addr(at), maxBanner)
	return strings.TrimSpace(s), err
}

// bannerName takes release and version out of the banner.
func (k *LinuxKernel) bannerName() (Utsname, error) {
	u := Utsname{Sysname: "Linux", Machine: "x86_64"}
	s, err := k.Banner()
	if err != nil {
		return u, fmt.Errorf("read utsname: %w", err)
	}
	if f := strings.Fields(s); len(f) > 2 {
		u.Release = f[2]
	}
	if i := strings.LastIndex(s, " #"); i >= 0 {
		u.Version = s[i+1:]
	}
	return u, nil
}

// Platform is the name of the platform.
func (k *LinuxKernel) Platform() string { return "x86_64" }

// KASLROffset is what was added to the addresses that the kernel was linked for; ok is
// false if it cannot be told.
func (k *LinuxKernel) KASLROffset() (off uint64, ok bool) {
	if in := k.image.info; in != nil && in.HasOffset {
		return in.KernelOffset, true
	}
	if text, found := k.Symbol("_text"); found {
		return text - linkedText, true
	}
	return 0, false
}

// linkedText is where the image is linked to begin: __START_KERNEL_map and
// CONFIG_PHYSICAL_START as every distribution has it.
const linkedText = startKernelMap + 16<<20

// name is what the kernel was found in.
func (k *LinuxKernel) name() string {
	if n, ok := k.mem.(interface{ Name() string }); ok {
		return n.Name()
	}
	return "memory"
}

// Status implements core.StatusReporter.
func (k *LinuxKernel) Status(p *out.Printer) {
	u, err := k.Utsname()
	node := u.Nodename
	if err != nil || node == "" {
		node = "unknown machine"
	}
	if c, ok := k.mem.(Changing); ok && c.Running() {
		fmt.Fprintf(p, "debugging live kernel %s (64-bit) on %s\n", k.name(), node)
	} else {
		fmt.Fprintf(p, "debugging kernel %s (64-bit) from %s\n", k.name(), node)
	}
	fmt.Fprintf(p, "operating system: %s %s (%s)\n", u.Release, u.Version, u.Machine)
	if s := k.PanicMessage(); s != "" {
		fmt.Fprintf(p, "panic message: %s\n", s)
	}
	if t := k.Taint(); t != "" {
		fmt.Fprintf(p, "tainted: %s\n", t)
	}
	k.statusKernel(p)
}

// statusKernel writes how the kernel was found.
func (k *LinuxKernel) statusKernel(p *out.Printer) {
	line := "kernel: found by " + k.image.how
	if off, ok := k.KASLROffset(); ok {
		line += fmt.Sprintf(", KASLR offset %#x", off)
	}
	line += ", " + k.image.mode.String() + " page tables"
	online := 0
	cpus, err := k.CPUs()
	for _, c := range cpus {
		if c.Online {
			online++
		}
	}
	if online > 0 {
		line += fmt.Sprintf(", %d CPUs", online)
	}
	if n := len(k.Modules()); n > 0 {
		line += fmt.Sprintf(", %d modules", n)
	}
	fmt.Fprintln(p, line)
	if err != nil {
		fmt.Fprintf(p, "CPUs: %v\n", err)
	}
	if _, err := k.kernelBTF(); err != nil {
		fmt.Fprintf(p, "types: %v\n", err)
	}
	if _, ok := k.Symbol("__start_orc_unwind_ip"); !ok {
		fmt.Fprintf(p, "stacks: no ORC tables, by frame pointers\n")
	}
}

// StatusDetail implements core.StatusDetailer: what was found wrong in the kernel so far,
// also after it was opened.
func (k *LinuxKernel) StatusDetail(p *out.Printer) {
	for _, w := range k.Warnings() {
		fmt.Fprintln(p, w)
	}
}

// taintLetters are the letters of tainted_mask's bits (kernel/panic.c, taint_flags); the
// first has another if it is not set.
const taintLetters = "PFSRMBUDAWCIOELKXTNJ"

// Taint is what has tainted the kernel, by the letters that its messages have; "" if
// nothing has.
func (k *LinuxKernel) Taint() string {
	mask, err := k.Uint("tainted_mask", 8)
	if err != nil || mask == 0 {
		return ""
	}
	var s []byte
	for i := range len(taintLetters) {
		if mask>>i&1 != 0 {
			s = append(s, taintLetters[i])
		}
	}
	return string(s)
}

// panicMark begins the message of a panic in the log; once all is printed it comes again
// between panicEnd and panicStop.
const (
	panicMark = "Kernel panic - not syncing: "
	panicEnd  = "---[ end " + panicMark
	panicStop = " ]---"
)

// maxLog bounds what is looked through of the log: CONFIG_LOG_BUF_SHIFT is at most 25.
const maxLog = 32 << 20

// PanicMessage is what the kernel said when it panicked, as its log has it; "" if it did
// not panic.
func (k *LinuxKernel) PanicMessage() string {
	if k.PanicCPU() < 0 {
		return ""
	}
	if text := panicText(k.logBytes()); text != "" {
		return text
	}
	return "not in the log"
}

// panicText finds the message of a panic in a log. Records lie beside one another with
// bytes of other meaning between them, so that a message ends where text does.
func panicText(log []byte) string {
	end := func(r rune) bool { return r < ' ' || r > '~' }
	cut := func(b []byte) []byte {
		if i := bytes.IndexFunc(b, end); i >= 0 {
			b = b[:i]
		}
		return b[:min(len(b), maxBanner)]
	}
	if i := bytes.LastIndex(log, []byte(panicEnd)); i >= 0 {
		if text, _, ok := bytes.Cut(cut(log[i+len(panicEnd):]), []byte(panicStop)); ok {
			return string(text)
		}
	}
	if i := bytes.Index(log, []byte(panicMark)); i >= 0 {
		return string(cut(log[i+len(panicMark):]))
	}
	return ""
}

// logBytes is the text of the log, its records in the order in which they lie: the ring
// of printk since 5.10, the plain buffer before.
func (k *LinuxKernel) logBytes() []byte {
	at, size := uint64(0), uint64(0)
	if prb, err := k.Uint("prb", 8); err == nil {
		at, _ = k.uintMember("struct printk_ringbuffer", "text_data_ring.data", prb)
		if bits, err := k.uintMember("struct printk_ringbuffer", "text_data_ring.size_bits", prb); err == nil && bits < 32 {
			size = 1 << bits
		}
	} else {
		at, _ = k.Uint("log_buf", 8)
		size, _ = k.Uint("log_buf_len", 4)
	}
	if at == 0 || size == 0 || size > maxLog {
		return nil
	}
	b := make([]byte, size)
	n, _ := k.space.ReadAt(b, mem.Addr(at))
	return b[:n]
}

// Variable implements core.Variables: b, d, t, e and m as of any program: where the
// image begins, the sizes of data and text, its entry, and ELF's magic number.
func (k *LinuxKernel) Variable(name string) (uint64, bool) {
	at := func(name string) uint64 { v, _ := k.Symbol(name); return v }
	switch name {
	case "b":
		return k.main.Base, true
	case "d":
		return at("_edata") - at("_sdata"), at("_edata") > at("_sdata")
	case "t":
		return k.text.Size, k.text.Size < maxImage
	case "e":
		v, ok := k.Symbol("startup_64")
		return v, ok
	case "m":
		return uint64(binary.LittleEndian.Uint32([]byte("\x7fELF"))), true
	}
	return 0, false
}

// FoundBy says how the kernel was found: "VMCOREINFO", "a CPU's tables", "its image",
// "VMCOREINFO in memory".
func (k *LinuxKernel) FoundBy() string { return k.image.how }
