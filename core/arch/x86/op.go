package x86

// An op is one entry of an opcode map.
type op struct {
	name string
	form form
	flag flag
}

// bad says that the entry is no instruction.
func (o *op) bad() bool { return o.form == fNone }

// A flag says how the mnemonic and the operand size of an op are found, and
// where it is valid.
type flag uint32

const (
	sfx     flag = 1 << iota // mnemonic takes w, l or q for the operand size
	no64                     // not in 64-bit mode
	no32                     // only in 64-bit mode
	all64                    // operand size is 64 in 64-bit mode
	stk                      // pushes or pops: 64 bits in 64-bit mode unless 66 is there
	px                       // 66, F2 and F3 select another instruction
	gpr                      // VEX: general registers, not vectors
	mask                     // VEX: opmask registers
	dq                       // mnemonic takes d or q by VEX.W or EVEX.W, or with sfx by operand size
	need66                   // needs the 66 prefix
	mmx                      // without the 66 prefix it is the MMX form
	width8                   // EVEX: vmovdqu, element size from pp and W
	width32                  // EVEX: vmovdqa, element size from W
	callee                   // a call
	fma                      // mnemonic takes s or d by VEX.W
	noRep                    // F2 and F3 in front make it undecodable
)

// An arg is one operand as an opcode map of the processor manuals would write
// it. Upper-case letter: where it comes from (E: r/m field; M: r/m field,
// memory only; G: reg field; Z: low bits of the opcode; H: VEX.vvvv; I:
// immediate). The rest: its class or size (b byte; v operand size; w 16 bits;
// p MMX; x XMM; v vector of VEX.L or EVEX.L; k opmask).
type arg uint8

const (
	aNone arg = iota

	// The r/m field.
	aEb   // byte register or memory
	aEv   // operand size
	aEp   // MMX
	aEo   // XMM
	aEx   // the class of the VEX or EVEX instruction
	aEk   // opmask register; its memory form takes a general operand
	aKR   // opmask register in the reg field, memory by MDB's reading
	aEV   // the index register is a vector (gather)
	aRv   // always a register, whatever the mod field says: general
	aRx   // the same, of the instruction's class
	aRd   // the same, 32 bits
	aEa   // address size
	aEbnd // bound register

	// The reg field.
	aGb
	aGv
	aGp
	aGo
	aGx
	aGs   // segment register
	aGc   // control register
	aGd   // debug register
	aGt   // test register
	aGV   // gather destination
	aGa   // address size
	aGbnd // bound register

	// The low three bits of the opcode.
	aZb
	aZv
	aZp // of the ModRM byte that serves as opcode: MMX
	aZo // the same: XMM

	// VEX.vvvv.
	aHx
	aHV // gather mask

	// Immediates: size in bytes as stored, width as printed.
	aIb   // one byte, printed as one
	aIbs  // one byte, printed at operand size
	aIz   // operand size, at most four bytes
	aIv   // operand size, up to eight bytes
	aIw   // two bytes, printed at operand size
	aIx   // one byte, printed at the width of the instruction's class
	aIreg // one byte, its high half a vector register
	aJb   // displacement from the next instruction, one byte
	aJz   // the same, operand size
	aO    // address of address size
	aAp   // far pointer: offset then selector, printed the other way round
	aIwIb // enter: two bytes, one byte
	aI1   // the constant 1
	aI3   // the constant 3

	// Fixed registers.
	aAL
	aAX
	aCL
	aDX   // (%dx)
	aSI   // (%rsi) of address size
	aDI   // (%rdi)
	aST   // %st
	aSTi  // %st(i)
	aSeg2 // segment register in bits 3 and 4 of the opcode
	aSeg3 // in bits 3 to 5
)

// A form is a list of operands in AT&T order, sources first.
type form uint8

const (
	fNone form = iota
	fNo        // no operands
	fPrefixRep
	fPrefixLock
	fPrefixSeg
	fPrefixData
	fPrefixAddr
	fGroup // the reg field of ModRM selects from a group
	fTwo   // 0F
	fX87   // D8 to DF

	fGbEb
	fGvEv
	fEbGb
	fEvGv
	fIbEb
	fIzEv
	fIbsEv
	fIbZb
	fIvZv
	fIbAL
	fIzAX
	fOAL
	fOAX
	fALO
	fAXO
	fGsEv
	fEvGs
	f1Eb
	f1Ev
	fCLEb
	fCLEv
	fEb
	fEv
	fZv
	fZvAX
	fSeg2
	fSeg3
	fIbsEvGv
	fIzEvGv
	fIbsGvEv
	fMovzx
	fMovslq
	fSreg
	fCrc32
	fMovbe
	fJb
	fJz
	fIndirect
	fFar
	fIz
	fIbs
	fIw
	fEnter
	fPort
	fDX
	fInt3
	fIb
	fSkip
	fCbw
	fCwd
	fSIDI
	fALDI
	fAXDI
	fSIAL
	fSIAX
	fST
	fSTSTi
	fSTiST

	f0F01_0 // 0F 01 groups, whose register forms are other instructions
	f0F01_1
	f0F01_2
	f0F01_3
	f0F01_7
	fFence
	fSfence
	fGroup9

	fEpGp
	fEvGp
	fGpEp
	fGpEv
	fGpM
	fNpGp
	fIbZp
	fIbZo
	fIbNpGv
	fIbNoGv
	fIbsGoEv
	fIbsEvGp
	fIbsEvGo
	fIbEpGp
	fNpGv
	fEoGo
	fGoEo
	fNoGo
	fMoGo
	fEvGo
	fGoEv
	fEpGo
	fEoGp
	fEoGv
	fNoGv
	fIbEoGo
	fI2EoGo
	fI2Eo

	fVNone
	fVE
	fVEHG
	fVEHGmov // vmovss, vmovsd: two operands when r/m is memory
	fVEvHG
	fVHEG
	fVGHE
	fVGHEmov
	fVEG
	fVEoG
	fVEGo
	fVEvG
	fVGE
	fVGEv
	fVIEHG
	fVIEoHG
	fVIEvHG
	fVRegEHG
	fVIEG
	fVIRH
	fVEGv
	fVIEGv
	fVIGEv
	fVIGEo
	fVRHG
	fVGather
	fVBls
	fKGEv
	fKEG
	fKGRv

	// Extensions.
	fZrm   // general register in the r/m field
	fZrm32 // the same, 32 bits whatever the prefixes
	fEbnd  // bound register as destination
	fBndE
	fEptr  // general operand of address size, bound register
	fEptr1 // one of address size
	fEptr2 // memory, register of address size
	fIbRm  // immediate after a ModRM byte that is part of the opcode
	f3DNow
	fVector // in the vector extension tables

	fXEG // EVEX
	fXGE
	fXEHG
	fXIEHG

	nForms
)

// args gives each form's operands.
var args = [nForms][4]arg{
	fGbEb:    {aGb, aEb},
	fGvEv:    {aGv, aEv},
	fEbGb:    {aEb, aGb},
	fEvGv:    {aEv, aGv},
	fIbEb:    {aIb, aEb},
	fIzEv:    {aIz, aEv},
	fIbsEv:   {aIbs, aEv},
	fIbZb:    {aIb, aZb},
	fIvZv:    {aIv, aZv},
	fIbAL:    {aIb, aAL},
	fIzAX:    {aIz, aAX},
	fOAL:     {aO, aAL},
	fOAX:     {aO, aAX},
	fALO:     {aAL, aO},
	fAXO:     {aAX, aO},
	fGsEv:    {aGs, aEv},
	fEvGs:    {aEv, aGs},
	f1Eb:     {aI1, aEb},
	f1Ev:     {aI1, aEv},
	fCLEb:    {aCL, aEb},
	fCLEv:    {aCL, aEv},
	fEb:      {aEb},
	fEv:      {aEv},
	fZv:      {aZv},
	fZvAX:    {aZv, aAX},
	fSeg2:    {aSeg2},
	fSeg3:    {aSeg3},
	fIbsEvGv: {aIbs, aEv, aGv},
	fIzEvGv:  {aIz, aEv, aGv},
	fIbsGvEv: {aIbs, aGv, aEv},
	fJb:      {aJb},
	fJz:      {aJz},
	fIndirect: {
		aEv,
	},
	fFar:   {aAp},
	fIz:    {aIz},
	fIbs:   {aIbs},
	fIw:    {aIw},
	fEnter: {aIwIb},
	fPort:  {aIb},
	fDX:    {aDX},
	fInt3:  {aI3},
	fIb:    {aIb},
	fSIDI:  {aSI, aDI},
	fALDI:  {aAL, aDI},
	fAXDI:  {aAX, aDI},
	fSIAL:  {aSI, aAL},
	fSIAX:  {aSI, aAX},
	fST:    {aSTi},
	fSTSTi: {aST, aSTi},
	fSTiST: {aSTi, aST},

	f0F01_0: {aEv},
	f0F01_1: {aEv},
	f0F01_2: {aEv},
	f0F01_3: {aEv},
	f0F01_7: {aEv},
	fFence:  {aEb},
	fSfence: {aEb},
	fGroup9: {aEv},

	fEpGp:    {aEp, aGp},
	fEvGp:    {aEv, aGp},
	fGpEp:    {aGp, aEp},
	fGpEv:    {aGp, aEv},
	fGpM:     {aGp, aEp},
	fNpGp:    {aEp, aGp},
	fIbZp:    {aIb, aZp},
	fIbZo:    {aIb, aZo},
	fIbNpGv:  {aIb, aEp, aGv},
	fIbNoGv:  {aIb, aEo, aGv},
	fIbsGoEv: {aIbs, aGo, aEv},
	fIbsEvGp: {aIbs, aEv, aGp},
	fIbsEvGo: {aIbs, aEv, aGo},
	fIbEpGp:  {aIb, aEp, aGp},
	fNpGv:    {aEp, aGv},
	fEoGo:    {aEo, aGo},
	fGoEo:    {aGo, aEo},
	fNoGo:    {aEo, aGo},
	fMoGo:    {aEo, aGo},
	fEvGo:    {aEv, aGo},
	fGoEv:    {aGo, aEv},
	fEpGo:    {aEp, aGo},
	fEoGp:    {aEo, aGp},
	fEoGv:    {aEo, aGv},
	fNoGv:    {aEo, aGv},
	fIbEoGo:  {aIb, aEo, aGo},
	fI2EoGo:  {aIb, aIb, aEo, aGo},
	fI2Eo:    {aIb, aIb, aEo},

	fVE:      {aEx},
	fVEHG:    {aEx, aHx, aGx},
	fVEHGmov: {aEx, aHx, aGx},
	fVEvHG:   {aEv, aHx, aGx},
	fVHEG:    {aHx, aEx, aGx},
	fVGHE:    {aGx, aHx, aEx},
	fVGHEmov: {aGx, aHx, aEx},
	fVEG:     {aEx, aGx},
	fVEoG:    {aEo, aGx},
	fVEGo:    {aEx, aGo},
	fVEvG:    {aEv, aGx},
	fVGE:     {aGx, aEx},
	fVGEv:    {aGx, aEv},
	fVIEHG:   {aIx, aEx, aHx, aGx},
	fVIEoHG:  {aIx, aEo, aHx, aGx},
	fVIEvHG:  {aIx, aEv, aHx, aGx},
	fVRegEHG: {aIreg, aEx, aHx, aGx},
	fVIEG:    {aIx, aEx, aGx},
	fVIRH:    {aIx, aRx, aHx},
	fVEGv:    {aEx, aGv},
	fVIEGv:   {aIx, aEx, aGv},
	fVIGEv:   {aIx, aGx, aEv},
	fVIGEo:   {aIx, aGx, aEo},
	fVRHG:    {aRx, aHx, aGx},
	fVGather: {aHV, aEV, aGV},
	fVBls:    {aEx, aHx},
	fKGEv:    {aGx, aEv},
	fKEG:     {aEk, aGx},
	fKGRv:    {aRv, aKR},

	fZrm:   {aRv},
	fZrm32: {aRd},
	fEbnd:  {aEbnd, aGbnd},
	fBndE:  {aGbnd, aEbnd},
	fEptr:  {aEa, aGbnd},
	fEptr1: {aEa},
	fEptr2: {aEv, aGa},
	fIbRm:  {aIb},
	f3DNow: {aEp, aGp},

	fXEG:   {aEx, aGx},
	fXGE:   {aGx, aEx},
	fXEHG:  {aEx, aHx, aGx},
	fXIEHG: {aIx, aEx, aHx, aGx},
}
