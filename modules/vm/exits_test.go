package vm

import "testing"

// TestExitNames compares names with the manuals' numbers (SDM volume 3, appendix C; APM
// volume 2, appendix C).
func TestExitNames(t *testing.T) {
	for n, want := range map[uint64]string{0: "EXCEPTION", 1: "EXT_INTR", 12: "HLT", 28: "CR_ACCESS", 30: "INOUT", 35: "reason 35", 36: "MWAIT", 44: "APIC_ACCESS",
		48: "EPT_FAULT", 54: "WBINVD", 56: "APIC_WRITE", 64: "XRSTORS", 65: "reason 65", 0x80000021: "INVAL_VMCS (entry failed)", 0xffff: "reason 65535"} {
		if got := vmxExit(n); got != want {
			t.Errorf("exit reason %d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "CR0_READ", 0x13: "CR3_WRITE", 0x2f: "DR15_READ", 0x37: "DR7_WRITE", 0x4e: "EXCP14", 0x60: "INTR", 0x72: "CPUID", 0x78: "HLT",
		0x7b: "IO", 0x7f: "SHUTDOWN", 0x8a: "MONITOR", 0x90: "CR0_WRITE_TRAP", 0x400: "NPF", 0x404: "code 0x404", ^uint64(0): "INVALID"} {
		if got := svmExit(n); got != want {
			t.Errorf("exit code %#x: %s, want %s", n, got, want)
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
