// A vCPU of Linux' KVM on Intel's processors as memory has it after an exit: the members
// that modules/vm reads, under the names and with the widths that Debian's 6.1 kvm_intel
// declares (pahole of its BTF), and values that tell them apart. Order and padding are
// this file's own: xmdb goes by names.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;

enum kvm_reg {
	VCPU_REGS_RAX, VCPU_REGS_RCX, VCPU_REGS_RDX, VCPU_REGS_RBX, VCPU_REGS_RSP, VCPU_REGS_RBP, VCPU_REGS_RSI, VCPU_REGS_RDI,
	VCPU_REGS_R8, VCPU_REGS_R9, VCPU_REGS_R10, VCPU_REGS_R11, VCPU_REGS_R12, VCPU_REGS_R13, VCPU_REGS_R14, VCPU_REGS_R15,
	VCPU_REGS_RIP, VCPU_EXREG_PDPTR, VCPU_EXREG_CR0, VCPU_EXREG_CR3, VCPU_EXREG_CR4, VCPU_EXREG_RFLAGS, VCPU_EXREG_SEGMENTS,
	VCPU_EXREG_EXIT_INFO_1, VCPU_EXREG_EXIT_INFO_2,
};

struct kvm { int online; } machine;
struct kvm_run {
	u32 exit_reason;
	union {
		struct { u8 direction, size; u16 port; u32 count; } io;
		struct { u64 phys_addr; u8 data[8]; u32 len; u8 is_write; } mmio;
	};
} run = { .exit_reason = 6, .mmio = { 0xfee000b0, { 0 }, 4, 1 } };
u32 apic_page[1024] = { [0x80 / 4] = 0x50, [0x210 / 4] = 1 << 1 };
struct kvm_lapic { void *regs; unsigned long pending_events; unsigned sipi_vector; } apic = { apic_page, 2, 0x9a };

struct kvm_queued_exception { _Bool pending, injected, has_error_code; u8 vector; u32 error_code; };
struct kvm_queued_interrupt { _Bool injected, soft; u8 nr; };
struct kvm_vcpu_arch {
	unsigned long regs[17];
	u32 regs_avail;
	unsigned long cr0, cr0_guest_owned_bits, cr2, cr3, cr4, cr4_guest_owned_bits, cr8;
	u64 efer, apic_base, pat, xcr0;
	unsigned long db[4], dr6, dr7;
	struct kvm_lapic *apic;
	int mp_state, last_vmentry_cpu;
	struct kvm_queued_exception exception;
	struct kvm_queued_interrupt interrupt;
	atomic_t nmi_queued;
	unsigned nmi_pending;
	_Bool nmi_injected, smi_pending, guest_state_protected;
};
struct kvm_vcpu {
	struct kvm *kvm;
	int cpu, vcpu_id, mode;
	void *pid;
	struct kvm_run *run;
	struct { atomic_long_t owner; } mutex;
	struct { void *task; } wait;
	struct kvm_vcpu_arch arch;
};
struct vmx_uret_msr { _Bool load_into_hardware; u64 data, mask; };
struct kvm_save_segment { u16 selector; unsigned long base; u32 limit, ar; };
struct loaded_vmcs { void *vmcs; };
struct pi_desc { u32 pir[8]; u64 control; };
union vmx_exit_reason { struct { u32 basic : 16; }; u32 full; };
struct vcpu_vmx {
	struct kvm_vcpu vcpu;
	unsigned long exit_qualification;
	u32 exit_intr_info;
	unsigned long rflags;
	struct vmx_uret_msr guest_uret_msrs[7];
	u64 msr_guest_kernel_gs_base;
	struct loaded_vmcs vmcs01, *loaded_vmcs;
	struct { u32 bitmask; struct kvm_save_segment seg[8]; } segment_cache;
	union vmx_exit_reason exit_reason;
	struct pi_desc pi_desc;
};

// The table that says which MSRs those of guest_uret_msrs are.
u32 kvm_uret_msrs_list[16] = { 0xc0000084, 0xc0000082, 0xc0000083, 0xc0000080, 0xc0000081, 0xc0000103, 0x122 };

#define ARCH .regs = { 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x10d, 0x10e, 0x10f, 0xffffffff81000110 }, \
	.cr0 = 0x80050033, .cr0_guest_owned_bits = 8, .cr2 = 0x222, .cr3 = 0x1333000, .cr4 = 0x3506f0, .cr4_guest_owned_bits = 0x680, .cr8 = 7, \
	.efer = 0xd01, .apic_base = 0xfee00d00, .pat = 0x407050600070106, .xcr0 = 7, .db = { 0xd0, 0xd1, 0xd2, 0xd3 }, .dr6 = 0xffff0ff0, .dr7 = 0x400
#define VMX .rflags = 0x246, .guest_uret_msrs = { { 0, 0x47700 }, { 0, 0xffffffff82000082 }, { 0, 0x83 }, { 0, 0xd01 }, { 0, 0x23001000000000 } }, \
	.msr_guest_kernel_gs_base = 0xffff88813bc00000

// One that has just been read: everything is there. The write to its APIC is an EPT
// violation; an interrupt is posted, an exception and an NMI wait.
struct vcpu_vmx read = { .vcpu = { &machine, 2, 1, 0, &machine, &run, .arch = { ARCH, .regs_avail = 0x1ffffff, .apic = &apic,
	.exception = { .pending = 1, .has_error_code = 1, .vector = 14, .error_code = 2 }, .nmi_queued = { 1 }, .smi_pending = 1 } }, VMX,
	.exit_reason = { .full = 48 }, .exit_qualification = 2, .loaded_vmcs = &read.vmcs01,
	.segment_cache = { 0xffffffff, { [1] = { 0x10, 0, 0xffffffff, 0xa09b }, [5] = { 0, 0xffff88813bd00000, 0xffffffff, 0x1c001 }, [6] = { 0x40, 0xfffffe0000003000, 0x206f, 0x8b } } },
	.pi_desc = { { [7] = 1 << 12 } } };

// One of which nothing was read since its exit, for an exception, and whose process models
// its APIC.
struct vcpu_vmx left = { .vcpu = { &machine, 0, 0, 0, &machine, 0, .arch = { ARCH, .regs_avail = 0xffff & ~(1 << VCPU_REGS_RSP) } }, VMX,
	.exit_reason = { .full = 0x04000000 }, .exit_intr_info = 0x80000b0e, .loaded_vmcs = &left.vmcs01 };

// One that runs a guest of its guest's, and left it for what a bit of the exit reason
// tells.
struct loaded_vmcs vmcs02;
struct vcpu_vmx deep = { .vcpu = { &machine, 0, 2, 1, &machine, 0, .arch = { ARCH, .regs_avail = 0x1ffffff, .interrupt = { 1, 0, 0x31 } } }, VMX,
	.exit_reason = { .full = 0x80000021 }, .loaded_vmcs = &vmcs02 };

// One that has not been in the guest yet.
struct vcpu_vmx fresh = { .vcpu = { &machine, -1, 3, 0, 0, 0, .arch = { ARCH, .mp_state = 1, .last_vmentry_cpu = -1 } }, .loaded_vmcs = &fresh.vmcs01 };

void _start(void) { for (;;); }
