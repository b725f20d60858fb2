package vm

import (
	"fmt"
	"strings"
)

// vmxExits name the basic exit reasons of Intel's processors (SDM volume 3, appendix C,
// table C-1); "" is a number that is not in use.
var vmxExits = []string{
	"EXCEPTION", "EXT_INTR", "TRIPLE_FAULT", "INIT", "SIPI", "IO_SMI", "SMI", "INTR_WINDOW",
	"NMI_WINDOW", "TASK_SWITCH", "CPUID", "GETSEC", "HLT", "INVD", "INVLPG", "RDPMC",
	"RDTSC", "RSM", "VMCALL", "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD",
	"VMRESUME", "VMWRITE", "VMXOFF", "VMXON", "CR_ACCESS", "DR_ACCESS", "INOUT", "RDMSR",
	"WRMSR", "INVAL_VMCS", "INVAL_MSR", "", "MWAIT", "MTF", "", "MONITOR",
	"PAUSE", "MCE_DURING_ENTRY", "", "TPR", "APIC_ACCESS", "VIRTUALIZED_EOI", "GDTR_IDTR", "LDTR_TR",
	"EPT_FAULT", "EPT_MISCONFIG", "INVEPT", "RDTSCP", "VMX_PREEMPT", "INVVPID", "WBINVD", "XSETBV",
	"APIC_WRITE", "RDRAND", "INVPCID", "VMFUNC", "ENCLS", "RDSEED", "PM_LOG_FULL", "XSAVES",
	"XRSTORS", "PCONFIG", "SPP", "UMWAIT", "TPAUSE", "LOADIWKEY", "ENCLV", "",
	"ENQCMD", "ENQCMDS", "BUS_LOCK", "NOTIFY", "SEAMCALL", "TDCALL", "RDMSRLIST", "WRMSRLIST",
	"URDMSR", "UWRMSR", "", "", "RDMSR_IMM", "WRMSR_IMM",
}

// Numbers of reasons that are looked at further.
const (
	vmxException  = 0
	vmxTaskSwitch = 9
	vmxInvlpg     = 14
	vmxCRAccess   = 28
	vmxDRAccess   = 29
	vmxInOut      = 30
	vmxAPICAccess = 44
	vmxEOI        = 45
	vmxEPTFault   = 48
	vmxAPICWrite  = 56
)

// vmxBasic are the bits of the basic reason.
const vmxBasic = 0xffff

// vmxFlags are the bits of an exit reason beside the basic one (SDM volume 3, table of
// the format of the exit reason in the VMCS).
var vmxFlags = []struct {
	bit  uint
	text string
}{{31, "entry failed"}, {29, "of root operation"}, {28, "MTF pending"}, {27, "in enclave"}, {26, "bus lock"}, {25, "shadow stack busy"}}

// vmxExit names an exit reason.
func vmxExit(n uint64) string {
	name := ""
	if b := n & vmxBasic; b < uint64(len(vmxExits)) {
		name = vmxExits[b]
	}
	if name == "" {
		name = fmt.Sprintf("reason %d", n&vmxBasic)
	}
	for _, f := range vmxFlags {
		if n>>f.bit&1 != 0 {
			name += " (" + f.text + ")"
		}
	}
	return name
}

// vmxDetail tells what an exit qualification says (SDM volume 3, "Basic VM-Exit
// Information": the tables of exit qualifications), "" where it says nothing.
func vmxDetail(reason, q uint64) string {
	gpr := func() string { return shownGPRs[q>>8&0xf] }
	switch reason & vmxBasic {
	case vmxTaskSwitch:
		return fmt.Sprintf("%s to selector %x", [4]string{"call", "iret", "jmp", "interrupt"}[q>>30&3], q&0xffff)
	case vmxInvlpg:
		return fmt.Sprintf("address %x", q)
	case vmxCRAccess:
		switch cr := fmt.Sprintf("cr%d", q&0xf); q >> 4 & 3 {
		case 0:
			return cr + " written from " + gpr()
		case 1:
			return cr + " read to " + gpr()
		case 2:
			return "clts"
		default:
			return fmt.Sprintf("lmsw %x", q>>16&0xffff)
		}
	case vmxDRAccess:
		if q>>4&1 != 0 {
			return fmt.Sprintf("dr%d read to %s", q&7, gpr())
		}
		return fmt.Sprintf("dr%d written from %s", q&7, gpr())
	case vmxInOut:
		return portAccess(q>>16&0xffff, q>>3&1 != 0, q&7+1, q>>4&1 != 0, q>>5&1 != 0)
	case vmxAPICAccess:
		return fmt.Sprintf("register %x %s", q&0xfff, pick(q>>12&0xf == 1, "write", "read"))
	case vmxEOI:
		return fmt.Sprintf("vector %x", q&0xff)
	case vmxEPTFault:
		return access(q&2 != 0, q&4 != 0) + pick(q>>3&7 == 0, ", not mapped", ", not allowed")
	case vmxAPICWrite:
		return fmt.Sprintf("register %x", q&0xfff)
	}
	return ""
}

// vmxReason is the processor's reason of an exit in words.
func vmxReason(reason, q uint64) string {
	text := fmt.Sprintf("%s qualification %x", vmxExit(reason), q)
	if d := vmxDetail(reason, q); d != "" {
		text += " (" + d + ")"
	}
	return text
}

// portAccess is an access to a port: "port 3f8 out 1", of a string instruction with what
// it does.
func portAccess(port uint64, in bool, width uint64, str, rep bool) string {
	words := []string{fmt.Sprintf("port %x %s %d", port, pick(in, "in", "out"), width)}
	if str {
		words = append(words, "string")
	}
	if rep {
		words = append(words, "rep")
	}
	return strings.Join(words, " ")
}

// access is what an access to memory was for.
func access(write, fetch bool) string {
	switch {
	case fetch:
		return "fetch"
	case write:
		return "write"
	}
	return "read"
}

func pick(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
