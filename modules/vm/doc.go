// Package vm finds the virtual machines of a host and what they do: xmdb's module vm,
// which MDB has none of.
//
// # The model
//
// A Machine is a guest of a hypervisor: of bhyve (the structures of illumos' module vmm)
// or of KVM (illumos-kvm, or Linux'). It has VCPUs, Regions of guest-physical memory, models of
// devices. What differs between hypervisors lies behind the interface backend, what
// differs between processors behind it again: on AMD's the guest's registers are in
// the VMCB, on Intel's most are in a VMCS that only the processor can read. A register
// that memory does not hold is unknown (Value), never zero.
//
// # Guest memory
//
// Machine.Physical is guest-physical memory. A piece of bhyve's (struct mem_map) is a
// part of a memory segment (struct mem_seg), whose vm_object is memory of the kernel's
// segment segkvmm: it is read through the kernel's page tables. Where the object is of
// another kind the nested page tables (EPT, RVI) tell which pages it has, as far as the
// guest has touched them, and of memory of the reservoir (reservoir.go) the table of all
// pages tells the others. A memory slot of KVM's is a piece of qemu's address space. A
// dump has pages of guests only if it was told to hold all pages.
//
// # KVM
//
// illumos-kvm is a port of Linux' KVM of 2010: what both have in common is in kvmcore.go
// and kvmevents.go, illumos-kvm's own in the other files kvm*.go. The files linux*.go are
// the back end for Linux' KVM: vm_list, the xarray of vCPUs (an array before 5.16), the
// tree of memory slots (an array before 5.17), struct vcpu_svm with its VMCB or struct
// vcpu_vmx with what KVM has read of the VMCS since the last exit (regs_avail). The types
// are in the BTF of kvm, kvm_amd and kvm_intel. A vCPU whose state the processor encrypts
// (SEV-ES, TDX) has no register that is known.
//
// # Invariants
//
// Members are found by name in the kernel's type data. Counts and indices are checked
// against the arrays that the kernel's types declare, lists are bounded, and what is
// wrong is told with its address.
//
// # What was verified
//
// AMD's back end most: the VMCB is public, and the tests compare every register with what
// a dump was made from. Of Intel's that holds for what memory has. The layouts are those
// of illumos-joyent of August 2020 and of illumos-gate's bhyve of 2025. Linux' back end is
// compared on real kernels, 6.1 and 6.12 on AMD's processors, with debugfs and with what
// the guests' program does; Intel's half of it, and the arrays of older kernels, with
// structures that C programs in testdata declare and fill.
//
// # What it does not do
//
// The contents of a VMCS that is not loaded into a processor are in memory in a form
// that Intel does not publish: they are not decoded. Registers of a vCPU that runs are
// those of its last exit. Memory slots of System Management Mode are left out, and so is
// private memory of a guest_memfd.
package vm
