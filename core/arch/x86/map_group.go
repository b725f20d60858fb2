package x86

// The groups: the reg field of the ModRM byte selects among eight entries.

var group80 = [8]op{
	{"addb", fIbEb, 0}, {"orb", fIbEb, 0}, {"adcb", fIbEb, 0}, {"sbbb", fIbEb, 0},
	{"andb", fIbEb, 0}, {"subb", fIbEb, 0}, {"xorb", fIbEb, 0}, {"cmpb", fIbEb, 0},
}

var group81 = [8]op{
	{"add", fIzEv, sfx}, {"or", fIzEv, sfx}, {"adc", fIzEv, sfx}, {"sbb", fIzEv, sfx},
	{"and", fIzEv, sfx}, {"sub", fIzEv, sfx}, {"xor", fIzEv, sfx}, {"cmp", fIzEv, sfx},
}

var group82 = [8]op{
	{"addb", fIbEb, no64}, {"orb", fIbEb, no64}, {"adcb", fIbEb, no64}, {"sbbb", fIbEb, no64},
	{"andb", fIbEb, no64}, {"subb", fIbEb, no64}, {"xorb", fIbEb, no64}, {"cmpb", fIbEb, no64},
}

var group83 = [8]op{
	{"add", fIbsEv, sfx}, {"or", fIbsEv, sfx}, {"adc", fIbsEv, sfx}, {"sbb", fIbsEv, sfx},
	{"and", fIbsEv, sfx}, {"sub", fIbsEv, sfx}, {"xor", fIbsEv, sfx}, {"cmp", fIbsEv, sfx},
}

// In the shift groups entry 6 is the undocumented twin of shl. MDB calls it
// sal, not everywhere with the suffix one would expect.
var groupC0 = [8]op{
	{"rolb", fIbEb, 0}, {"rorb", fIbEb, 0}, {"rclb", fIbEb, 0}, {"rcrb", fIbEb, 0},
	{"shlb", fIbEb, 0}, {"shrb", fIbEb, 0}, {}, {"sarb", fIbEb, 0},
}

var groupC1 = [8]op{
	{"rol", fIbsEv, sfx}, {"ror", fIbsEv, sfx}, {"rcl", fIbsEv, sfx}, {"rcr", fIbsEv, sfx},
	{"shl", fIbsEv, sfx}, {"shr", fIbsEv, sfx}, {"sal", fIbsEv, sfx}, {"sar", fIbsEv, sfx},
}

var groupD0 = [8]op{
	{"rolb", f1Eb, 0}, {"rorb", f1Eb, 0}, {"rclb", f1Eb, 0}, {"rcrb", f1Eb, 0},
	{"shlb", f1Eb, 0}, {"shrb", f1Eb, 0}, {"salb", f1Eb, 0}, {"sarb", f1Eb, 0},
}

var groupD1 = [8]op{
	{"rol", f1Ev, sfx}, {"ror", f1Ev, sfx}, {"rcl", f1Ev, sfx}, {"rcr", f1Ev, sfx},
	{"shl", f1Ev, sfx}, {"shr", f1Ev, sfx}, {"sal", f1Ev, sfx}, {"sar", f1Ev, sfx},
}

var groupD2 = [8]op{
	{"rolb", fCLEb, 0}, {"rorb", fCLEb, 0}, {"rclb", fCLEb, 0}, {"rcrb", fCLEb, 0},
	{"shlb", fCLEb, 0}, {"shrb", fCLEb, 0}, {"salb", fCLEb, 0}, {"sarb", fCLEb, 0},
}

var groupD3 = [8]op{
	{"rol", fCLEv, sfx}, {"ror", fCLEv, sfx}, {"rcl", fCLEv, sfx}, {"rcr", fCLEv, sfx},
	{"shl", fCLEv, sfx}, {"shr", fCLEv, sfx}, {"salb", fCLEv, sfx}, {"sar", fCLEv, sfx},
}

var groupF6 = [8]op{
	{"testb", fIbEb, 0}, {"testb", fIbEb, 0}, {"notb", fEb, 0}, {"negb", fEb, 0},
	{"mulb", fEb, 0}, {"imulb", fEb, 0}, {"divb", fEb, 0}, {"idivb", fEb, 0},
}

var groupF7 = [8]op{
	{"test", fIzEv, sfx}, {"test", fIzEv, sfx}, {"not", fEv, sfx}, {"neg", fEv, sfx},
	{"mul", fEv, sfx}, {"imul", fEv, sfx}, {"div", fEv, sfx}, {"idiv", fEv, sfx},
}

var groupFE = [8]op{
	{"incb", fEb, 0}, {"decb", fEb, 0},
}

var groupFF = [8]op{
	{"inc", fEv, sfx}, {"dec", fEv, sfx},
	{"call", fIndirect, all64 | stk | callee}, {"lcall", fIndirect, callee},
	{"jmp", fIndirect, all64}, {"ljmp", fIndirect, 0},
	{"push", fEv, sfx | stk},
}

var group0F00 = [8]op{
	{"sldt", fEv, 0}, {"str", fEv, 0}, {"lldt", fEv, all64}, {"ltr", fEv, all64},
	{"verr", fEv, 0}, {"verw", fEv, 0},
}

var group0F01 = [8]op{
	{"sgdt", f0F01_0, 0}, {"sidt", f0F01_1, 0}, {"lgdt", f0F01_2, 0}, {"lidt", f0F01_3, 0},
	{"smsw", fEv, 0}, {}, {"lmsw", fEv, 0}, {"invlpg", f0F01_7, 0},
}

// The register forms of 0F 01, by r/m. Entries that MDB has no name for, or
// shares with another vendor's, are in the extension tables.
var (
	names0F01_0 = [8]string{1: "vmcall", 2: "vmlaunch", 3: "vmresume", 4: "vmxoff"}
	names0F01_1 = [8]string{"monitor", "mwait", "clac", "stac"}
	names0F01_2 = [8]string{"xgetbv", "xsetbv"}
	names0F01_3 = [8]string{"vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga"}
	names0F01_7 = [8]string{"swapgs", "rdtscp", "monitorx", "mwaitx", "clzero"}
)

var group0F0D = [8]op{
	1: {"prefetchw", fEv, 0}, 2: {"prefetchwt1", fEv, 0},
}

var group0F18 = [8]op{
	{"prefetchnta", fEv, 0}, {"prefetcht0", fEv, 0}, {"prefetcht1", fEv, 0}, {"prefetcht2", fEv, 0},
}

var group0FAE = [8]op{
	{"fxsave", fEv, px}, {"fxrstor", fEv, px}, {"ldmxcsr", fEv, px}, {"stmxcsr", fEv, px},
	{"xsave", fEv, 0}, {"lfence", fFence, 0}, {"mfence", fFence, 0}, {"", fSfence, 0},
}

// groupF30FAE: MDB takes the FSGSBASE instructions for 32-bit ones; the
// extension tables have them for 64-bit mode, where they belong.
var groupF30FAE = [8]op{
	{"rdfsbase", fEv, no64}, {"rdgsbase", fEv, no64}, {"wrfsbase", fEv, no64}, {"wrgsbase", fEv, no64},
}

var group0FBA = [8]op{
	4: {"bt", fIbsEv, sfx}, 5: {"bts", fIbsEv, sfx}, 6: {"btr", fIbsEv, sfx}, 7: {"btc", fIbsEv, sfx},
}

var group0FC7 = [8]op{
	1: {"cmpxchg8b", fEv, 0},
	3: {"xrstors", fGroup9, 0}, 4: {"xsavec", fGroup9, 0}, 5: {"xsaves", fGroup9, 0},
	6: {"vmptrld", fGroup9, 0}, 7: {"vmptrst", fGroup9, 0},
}

// The other faces of group 9: register form, 66 and F3.
var (
	group0FC7Reg = [8]op{6: {"rdrand", fEv, 0}, 7: {"rdseed", fEv, 0}}
	group660FC7  = [8]op{6: {"vmclear", fEv, 0}}
	groupF30FC7  = [8]op{6: {"vmxon", fEv, 0}}
)

// Immediate shifts 0F 71 to 73, MMX and (with 66) SSE2.
var mmxShift = [3][8]op{
	{2: {"psrlw", fIbZp, 0}, 4: {"psraw", fIbZp, 0}, 6: {"psllw", fIbZp, 0}},
	{2: {"psrld", fIbZp, 0}, 4: {"psrad", fIbZp, 0}, 6: {"pslld", fIbZp, 0}},
	{2: {"psrlq", fIbZp, 0}, 3: {"", fIbZp, 0}, 6: {"psllq", fIbZp, 0}, 7: {"", fIbZp, 0}},
}

var sseShift = [3][8]op{
	{2: {"psrlw", fIbZo, 0}, 4: {"psraw", fIbZo, 0}, 6: {"psllw", fIbZo, 0}},
	{2: {"psrld", fIbZo, 0}, 4: {"psrad", fIbZo, 0}, 6: {"pslld", fIbZo, 0}},
	{2: {"psrlq", fIbZo, 0}, 3: {"psrldq", fIbZo, 0}, 6: {"psllq", fIbZo, 0}, 7: {"pslldq", fIbZo, 0}},
}

// vexShift are the names of VEX 66 0F 71 to 73.
var vexShift = [3][8]string{
	{2: "vpsrlw", 4: "vpsraw", 6: "vpsllw"},
	{2: "vpsrld", 4: "vpsrad", 6: "vpslld"},
	{2: "vpsrlq", 3: "vpsrldq", 6: "vpsllq", 7: "vpslldq"},
}

// vexBls are the names of VEX 0F 38 F3 by the reg field.
var vexBls = [8]string{1: "blsr", 2: "blsmsk", 3: "blsi"}
