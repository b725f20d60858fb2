package vm

import "testing"

// TestExitNames compares names with the manuals' numbers (SDM volume 3, appendix C; APM
// volume 2, appendix C).
func TestExitNames(t *testing.T) {
	for n, want := range map[uint64]string{0: "EXCEPTION", 1: "EXT_INTR", 12: "HLT", 28: "CR_ACCESS", 30: "INOUT", 35: "reason 35", 36: "MWAIT", 44: "APIC_ACCESS",
		48: "EPT_FAULT", 54: "WBINVD", 56: "APIC_WRITE", 64: "XRSTORS", 65: "PCONFIG", 66: "SPP", 67: "UMWAIT", 68: "TPAUSE", 69: "LOADIWKEY", 70: "ENCLV", 71: "reason 71",
		74: "BUS_LOCK", 75: "NOTIFY", 76: "SEAMCALL", 77: "TDCALL", 84: "RDMSR_IMM", 85: "WRMSR_IMM", 86: "reason 86", 0x80000021: "INVAL_VMCS (entry failed)",
		0x0400000a: "CPUID (bus lock)", 0xffff: "reason 65535"} {
		if got := vmxExit(n); got != want {
			t.Errorf("exit reason %d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "CR0_READ", 0x13: "CR3_WRITE", 0x2f: "DR15_READ", 0x37: "DR7_WRITE", 0x4e: "EXCP14", 0x60: "INTR", 0x72: "CPUID", 0x78: "HLT",
		0x7b: "IO", 0x7f: "SHUTDOWN", 0x8a: "MONITOR", 0x90: "CR0_WRITE_TRAP", 0xa6: "IDLE_HLT", 0x400: "NPF", 0x404: "code 0x404", ^uint64(0): "INVALID", ^uint64(2): "IDLE_REQUIRED",
		^uint64(3): "INVALID_PMC", ^uint64(4): "code 0xfffffffffffffffb"} {
		if got := svmExit(n); got != want {
			t.Errorf("exit code %#x: %s, want %s", n, got, want)
		}
	}
}

// TestExitDetail decodes what comes with exits, by the manuals' tables: SDM volume 3, exit
// qualifications; APM volume 2, EXITINFO1 and EXITINFO2 in chapter 15.
func TestExitDetail(t *testing.T) {
	for _, c := range []struct {
		reason, q uint64
		want      string
	}{
		{9, 1<<30 | 0x28, "iret to selector 28"}, {14, 0xffff8880deadb000, "address ffff8880deadb000"},
		{28, 0x303, "cr3 written from rbx"}, {28, 0x10 | 0x800 | 4, "cr4 read to r8"}, {28, 0x20, "clts"}, {28, 0x30 | 0xb<<16, "lmsw b"},
		{29, 0x107, "dr7 written from rcx"}, {29, 0x10 | 6, "dr6 read to rax"},
		{30, 0x3f8 << 16, "port 3f8 out 1"}, {30, 0xcfc<<16 | 8 | 3, "port cfc in 4"}, {30, 0x1f0<<16 | 0x30 | 1, "port 1f0 out 2 string rep"},
		{44, 0x10b0, "register b0 write"}, {44, 0x20, "register 20 read"}, {45, 0x31, "vector 31"}, {56, 0x300, "register 300"},
		{48, 1, "read, not mapped"}, {48, 2 | 1<<3 | 1<<5, "write, not allowed"}, {48, 4 | 1<<3, "fetch, not allowed"}, {12, 0, ""}, {1, 77, ""},
	} {
		if got := vmxDetail(c.reason, c.q); got != c.want {
			t.Errorf("reason %d, qualification %#x: %q, want %q", c.reason, c.q, got, c.want)
		}
	}
	for _, c := range []struct {
		code, info1, info2 uint64
		want               string
	}{
		{0x13, 1<<63 | 3, 0, "from rbx"}, {0x04, 1<<63 | 8, 0, "to r8"}, {0x13, 0, 0, ""}, {0x4e, 2, 0xffff8880deadb000, "address ffff8880deadb000, error 2"},
		{0x75, 0x80, 0, "vector 80"}, {0x79, 0x401000, 0, "address 401000"}, {0x7c, 1, 0, "write"}, {0x7c, 0, 0, "read"},
		{0x7b, 0x3f8<<16 | 1<<4, 0x1005, "port 3f8 out 1"}, {0x7b, 0xcfc<<16 | 1<<6 | 1, 0, "port cfc in 4"}, {0x7b, 0x1f0<<16 | 1<<5 | 0xc, 0, "port 1f0 out 2 string rep"},
		{0x7d, 0x28, 1 << 36, "iret to selector 28"}, {0x7d, 0x30, 1 << 38, "jmp to selector 30"}, {0x7d, 0x30, 0, "call to selector 30"},
		{0x400, 1<<32 | 6, 0xfee000b0, "gpa fee000b0 write, not mapped"}, {0x400, 1<<33 | 5, 0x1000, "gpa 1000 read, not allowed, for a page table"}, {0x400, 1<<32 | 0x14, 0x2000, "gpa 2000 fetch, not mapped"},
		{0x402, 1<<32 | 0xb0, 0, "register b0 write"}, {0x78, 0, 0, ""},
	} {
		if got := svmDetail(c.code, c.info1, c.info2); got != c.want {
			t.Errorf("code %#x, %#x, %#x: %q, want %q", c.code, c.info1, c.info2, got, c.want)
		}
	}
}

// TestVMCBAttr turns bits of segments: 64-bit code, data, one that is not present.
func TestVMCBAttr(t *testing.T) {
	for in, want := range map[uint64]uint64{0xa9b: 0xa09b, 0xc93: 0xc093, 0x8b: 0x8b, 0: 0x10000, 0xf1b: 0x1f01b} {
		if got := vmcbAttr(in); got != want {
			t.Errorf("%#x: %#x, want %#x", in, got, want)
		}
	}
}

// TestEventWord decodes what the VMCB and the VMCS have of an event.
func TestEventWord(t *testing.T) {
	for w, want := range map[uint64]string{0x800000ef: "intr ef", 0x80000202: "nmi", 0x200000b0e | 1<<31: "exc e error 2", 0x80000306: "exc 6", 0x80000480: "swintr 80", 0x80000101: "type 1 1"} {
		e, ok := intEvent(w)
		if !ok || e.text() != want {
			t.Errorf("%#x: %q, want %q", w, e.text(), want)
		}
	}
	if e, ok := intEvent(0x31); ok {
		t.Errorf("an invalid event: %v", e)
	}
}
