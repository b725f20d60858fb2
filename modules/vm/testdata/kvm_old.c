// A machine of Linux' KVM as kernels up to 5.15 have it (Debian 11's 5.10): vCPUs and
// memory slots are arrays. Only what modules/vm reads is declared, in an order of its own.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef struct { int counter; } atomic_t;
typedef struct { atomic_t refs; } refcount_t;

struct list_head { struct list_head *next, *prev; };
struct kvm_memory_slot { u64 base_gfn; unsigned long npages; unsigned long *dirty_bitmap; unsigned long userspace_addr; u32 flags; short id; u16 as_id; };
struct kvm_memslots { u64 generation; short id_to_index[512]; atomic_t lru_slot; int used_slots; struct kvm_memory_slot memslots[]; };
struct kvm_vcpu { struct kvm *kvm; int vcpu_id; };
struct kvm {
	void *mm;
	struct kvm_memslots *memslots[2];
	struct kvm_vcpu *vcpus[288];
	atomic_t online_vcpus;
	refcount_t users_count;
	int userspace_pid;
	struct list_head vm_list;
};

struct kvm_vcpu one = { 0, 0 }, two = { 0, 7 };
struct kvm_memslots slots = { .used_slots = 3, .memslots = {
	{ 0x100000, 0x40000, 0, 0x7f0040000000, 1, 4 },	// the largest addresses come first
	{ 0xfffc0, 0x40, 0, 0x7f0030000000, 2, 3 },
	{ 0, 0xa0, 0, 0x7f0000000000, 0x10000, 0 },
} };
struct kvm machine = { .memslots = { &slots }, .vcpus = { &one, &two }, .online_vcpus = { 2 }, .users_count = { { 2 } } };
struct kvm many = { .memslots = { &slots }, .online_vcpus = { 4000 } };

void _start(void) { for (;;); }
