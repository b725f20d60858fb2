package vm

import "fmt"

// vmxExits name the basic exit reasons of Intel's processors (SDM volume 3, appendix
// C); "" is a number that is not in use.
var vmxExits = []string{
	"EXCEPTION", "EXT_INTR", "TRIPLE_FAULT", "INIT", "SIPI", "IO_SMI", "SMI", "INTR_WINDOW",
	"NMI_WINDOW", "TASK_SWITCH", "CPUID", "GETSEC", "HLT", "INVD", "INVLPG", "RDPMC",
	"RDTSC", "RSM", "VMCALL", "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD",
	"VMRESUME", "VMWRITE", "VMXOFF", "VMXON", "CR_ACCESS", "DR_ACCESS", "INOUT", "RDMSR",
	"WRMSR", "INVAL_VMCS", "INVAL_MSR", "", "MWAIT", "MTF", "", "MONITOR",
	"PAUSE", "MCE_DURING_ENTRY", "", "TPR", "APIC_ACCESS", "VIRTUALIZED_EOI", "GDTR_IDTR", "LDTR_TR",
	"EPT_FAULT", "EPT_MISCONFIG", "INVEPT", "RDTSCP", "VMX_PREEMPT", "INVVPID", "WBINVD", "XSETBV",
	"APIC_WRITE", "RDRAND", "INVPCID", "VMFUNC", "ENCLS", "RDSEED", "PM_LOG_FULL", "XSAVES",
	"XRSTORS",
}

// Bits of an exit reason beside the basic one.
const (
	vmxBasic      = 0xffff
	vmxEntryFault = 1 << 31
)

// vmxExit names an exit reason.
func vmxExit(n uint64) string {
	name := ""
	if b := n & vmxBasic; b < uint64(len(vmxExits)) {
		name = vmxExits[b]
	}
	if name == "" {
		name = fmt.Sprintf("reason %d", n&vmxBasic)
	}
	if n&vmxEntryFault != 0 {
		name += " (entry failed)"
	}
	return name
}

// svmExits name the exit codes of AMD's processors (APM volume 2, appendix C) beyond
// those that are counted: accesses to registers and exceptions.
var svmExits = map[uint64]string{
	0x60: "INTR", 0x61: "NMI", 0x62: "SMI", 0x63: "INIT", 0x64: "VINTR", 0x65: "CR0_SEL_WRITE", 0x66: "IDTR_READ", 0x67: "GDTR_READ",
	0x68: "LDTR_READ", 0x69: "TR_READ", 0x6a: "IDTR_WRITE", 0x6b: "GDTR_WRITE", 0x6c: "LDTR_WRITE", 0x6d: "TR_WRITE", 0x6e: "RDTSC", 0x6f: "RDPMC",
	0x70: "PUSHF", 0x71: "POPF", 0x72: "CPUID", 0x73: "RSM", 0x74: "IRET", 0x75: "SWINT", 0x76: "INVD", 0x77: "PAUSE",
	0x78: "HLT", 0x79: "INVLPG", 0x7a: "INVLPGA", 0x7b: "IO", 0x7c: "MSR", 0x7d: "TASK_SWITCH", 0x7e: "FERR_FREEZE", 0x7f: "SHUTDOWN",
	0x80: "VMRUN", 0x81: "VMMCALL", 0x82: "VMLOAD", 0x83: "VMSAVE", 0x84: "STGI", 0x85: "CLGI", 0x86: "SKINIT", 0x87: "RDTSCP",
	0x88: "ICEBP", 0x89: "WBINVD", 0x8a: "MONITOR", 0x8b: "MWAIT", 0x8c: "MWAIT_ARMED", 0x8d: "XSETBV", 0x8e: "RDPRU", 0x8f: "EFER_WRITE_TRAP",
	0xa0: "INVLPGB", 0xa1: "INVLPGB_ILLEGAL", 0xa2: "INVPCID", 0xa3: "MCOMMIT", 0xa4: "TLBSYNC", 0xa5: "BUSLOCK", 0xa6: "IDLE_HLT",
	0x400: "NPF", 0x401: "AVIC_INCOMPLETE_IPI", 0x402: "AVIC_NOACCEL", 0x403: "VMGEXIT", ^uint64(0): "INVALID", ^uint64(1): "BUSY",
}

// svmExit names an exit code.
func svmExit(n uint64) string {
	switch {
	case n < 0x10:
		return fmt.Sprintf("CR%d_READ", n)
	case n < 0x20:
		return fmt.Sprintf("CR%d_WRITE", n-0x10)
	case n < 0x30:
		return fmt.Sprintf("DR%d_READ", n-0x20)
	case n < 0x40:
		return fmt.Sprintf("DR%d_WRITE", n-0x30)
	case n < 0x60:
		return fmt.Sprintf("EXCP%d", n-0x40)
	case n >= 0x90 && n < 0xa0:
		return fmt.Sprintf("CR%d_WRITE_TRAP", n-0x90)
	}
	if name, ok := svmExits[n]; ok {
		return name
	}
	return fmt.Sprintf("code %#x", n)
}
