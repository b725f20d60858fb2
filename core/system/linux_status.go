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
	if u.Release == "" {
		return k.bannerName()
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
		k.statusPanic(p)
	}
	if t := k.Taint(); t != "" {
		fmt.Fprintf(p, "tainted: %s\n", t)
	}
	k.statusKernel(p)
}

// statusPanic writes where it panicked: CPU, task, process.
func (k *LinuxKernel) statusPanic(p *out.Printer) {
	cpu := k.PanicCPU()
	task := k.RepresentativeThread()
	if task == 0 {
		fmt.Fprintf(p, "panicking thread: unknown, CPU %d\n", cpu)
		return
	}
	line := fmt.Sprintf("panicking thread: %x, CPU %d", task, cpu)
	if pid, err := k.uintMember("struct task_struct", "pid", task); err == nil {
		line += fmt.Sprintf(", PID %d", int32(pid))
	}
	if comm, err := k.stringMember("struct task_struct", "comm", task); err == nil {
		line += fmt.Sprintf(" (%s)", comm)
	}
	fmt.Fprintln(p, line)
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
	if _, tells := k.mem.(Processors); tells && k.changing() && !k.image.sure {
		fmt.Fprintln(p, "kernel: no processor was seen in it: it may be what an earlier boot has left")
	}
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
