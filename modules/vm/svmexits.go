package vm

import "fmt"

// svmExits name the exit codes of AMD's processors (APM volume 2, appendix C, table
// C-1) beyond those that are counted: accesses to registers and exceptions.
var svmExits = map[uint64]string{
	0x60: "INTR", 0x61: "NMI", 0x62: "SMI", 0x63: "INIT", 0x64: "VINTR", 0x65: "CR0_SEL_WRITE", 0x66: "IDTR_READ", 0x67: "GDTR_READ",
	0x68: "LDTR_READ", 0x69: "TR_READ", 0x6a: "IDTR_WRITE", 0x6b: "GDTR_WRITE", 0x6c: "LDTR_WRITE", 0x6d: "TR_WRITE", 0x6e: "RDTSC", 0x6f: "RDPMC",
	0x70: "PUSHF", 0x71: "POPF", 0x72: "CPUID", 0x73: "RSM", 0x74: "IRET", svmSWInt: "SWINT", 0x76: "INVD", 0x77: "PAUSE",
	0x78: "HLT", svmInvlpg: "INVLPG", 0x7a: "INVLPGA", svmIO: "IO", svmMSR: "MSR", svmTaskSwitch: "TASK_SWITCH", 0x7e: "FERR_FREEZE", 0x7f: "SHUTDOWN",
	0x80: "VMRUN", 0x81: "VMMCALL", 0x82: "VMLOAD", 0x83: "VMSAVE", 0x84: "STGI", 0x85: "CLGI", 0x86: "SKINIT", 0x87: "RDTSCP",
	0x88: "ICEBP", 0x89: "WBINVD", 0x8a: "MONITOR", 0x8b: "MWAIT", 0x8c: "MWAIT_ARMED", 0x8d: "XSETBV", 0x8e: "RDPRU", 0x8f: "EFER_WRITE_TRAP",
	0xa0: "INVLPGB", 0xa1: "INVLPGB_ILLEGAL", 0xa2: "INVPCID", 0xa3: "MCOMMIT", 0xa4: "TLBSYNC", 0xa5: "BUSLOCK", 0xa6: "IDLE_HLT",
	svmNPF: "NPF", 0x401: "AVIC_INCOMPLETE_IPI", svmNoAccel: "AVIC_NOACCEL", 0x403: "VMGEXIT",
	^uint64(0): "INVALID", ^uint64(1): "BUSY", ^uint64(2): "IDLE_REQUIRED", ^uint64(3): "INVALID_PMC",
}

// Codes that are looked at further; those of registers and exceptions are the first of
// theirs.
const (
	svmCRWrite    = 0x10
	svmDRRead     = 0x20
	svmDRWrite    = 0x30
	svmException  = 0x40
	svmSWInt      = 0x75
	svmInvlpg     = 0x79
	svmIO         = 0x7b
	svmMSR        = 0x7c
	svmTaskSwitch = 0x7d
	svmCRTrap     = 0x90
	svmNPF        = 0x400
	svmNoAccel    = 0x402
)

// svmExit names an exit code.
func svmExit(n uint64) string {
	switch {
	case n < svmCRWrite:
		return fmt.Sprintf("CR%d_READ", n)
	case n < svmDRRead:
		return fmt.Sprintf("CR%d_WRITE", n-svmCRWrite)
	case n < svmDRWrite:
		return fmt.Sprintf("DR%d_READ", n-svmDRRead)
	case n < svmException:
		return fmt.Sprintf("DR%d_WRITE", n-svmDRWrite)
	case n < svmException+0x20:
		return fmt.Sprintf("EXCP%d", n-svmException)
	case n >= svmCRTrap && n < svmCRTrap+0x10:
		return fmt.Sprintf("CR%d_WRITE_TRAP", n-svmCRTrap)
	}
	if name, ok := svmExits[n]; ok {
		return name
	}
	return fmt.Sprintf("code %#x", n)
}

// svmDetail tells what EXITINFO1 and EXITINFO2 say (APM volume 2: 15.8.1 CR and DR,
// 15.10.2 ports, 15.11 MSRs, 15.12.15 #PF, 15.14.1 task switches, 15.25.6 nested page
// faults, 15.29.9 AVIC), "" where they say nothing.
func svmDetail(code, info1, info2 uint64) string {
	const movCR = 1 << 63 // set, with the register, by processors with decode assists
	switch {
	case code < svmDRRead && info1&movCR != 0:
		return pick(code < svmCRWrite, "to ", "from ") + shownGPRs[info1&0xf]
	case code == svmException+14:
		return fmt.Sprintf("address %x, error %x", info2, info1)
	case code == svmSWInt:
		return fmt.Sprintf("vector %x", info1&0xff)
	case code == svmInvlpg:
		return fmt.Sprintf("address %x", info1)
	case code == svmIO:
		return portAccess(info1>>16&0xffff, info1&1 != 0, info1>>4&7, info1>>2&1 != 0, info1>>3&1 != 0)
	case code == svmMSR:
		return pick(info1&1 != 0, "write", "read")
	case code == svmTaskSwitch:
		how := "call"
		switch {
		case info2>>36&1 != 0:
			how = "iret"
		case info2>>38&1 != 0:
			how = "jmp"
		}
		return fmt.Sprintf("%s to selector %x", how, info1&0xffff)
	case code == svmNPF:
		return fmt.Sprintf("gpa %x %s", info2, access(info1&2 != 0, info1&0x10 != 0)) + pick(info1&1 != 0, ", not allowed", ", not mapped") +
			pick(info1>>33&1 != 0, ", for a page table", "")
	case code == svmNoAccel:
		return fmt.Sprintf("register %x %s", info1&0xff0, pick(info1>>32&1 != 0, "write", "read"))
	}
	return ""
}

// svmReason is the processor's reason of an exit in words.
func svmReason(code, info1, info2 uint64) string {
	text := fmt.Sprintf("%s info %x %x", svmExit(code), info1, info2)
	if d := svmDetail(code, info1, info2); d != "" {
		text += " (" + d + ")"
	}
	return text
}
