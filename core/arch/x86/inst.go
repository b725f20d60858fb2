package x86

// Mode is the width of the code segment: it sets the default operand and
// address sizes.
type Mode uint8

// The three modes, named ia16, ia32 and amd64 by ::dismode.
const (
	Mode16 Mode = 16
	Mode32 Mode = 32
	Mode64 Mode = 64
)

// Undecodable is the text of bytes that are no instruction.
const Undecodable = "***ERROR--unknown op code***"

// MaxLen is the most bytes that an instruction can have.
const MaxLen = 15

// Inst is one decoded instruction.
type Inst struct {
	// Text is the instruction in MDB's AT&T style. A mnemonic shorter than six
	// characters is padded with blanks and one blank follows, so "ret" has four
	// behind it. What MDB appends (a symbol, an effective address, the unsigned
	// form of a negative immediate) follows a tab character, in angle brackets.
	Text string
	// Len is the length in bytes, at least 1 and at most that of the code
	// given (0 if there is none). Where the bytes are no instruction it is the
	// number that objdump steps over.
	Len int
	// OK is false where the bytes are no instruction, or only part of one.
	OK bool
	// IsCall is true for near and far calls, direct or not: what ::step over
	// and ::step out need to know.
	IsCall bool
	// Target is the virtual address that a direct branch goes to or that a
	// %rip-relative operand names, if HasTarget.
	Target    uint64
	HasTarget bool
}

// Symbols turns an address into the text MDB prints for it ("main+0x10", with a
// load object prefix where MDB has one), or returns false where no symbol is
// near.
type Symbols = func(addr uint64) (string, bool)

// Decode decodes the instruction that begins code and lies at virtual address
// pc. It wants MaxLen bytes, fewer only where no more can be read. Where sym,
// if not nil, has a text for the target of a branch, for a %rip-relative
// operand, or for an immediate or displacement, it is appended in angle
// brackets. Decode never panics.
func Decode(mode Mode, code []byte, pc uint64, sym Symbols) Inst {
	return decode(mode, code, pc, resolver{sym, sym})
}

// DecodeObject is Decode for a relocatable object file: small numbers would
// match its symbols, whose addresses begin at zero, so that immediates and
// displacements get none.
func DecodeObject(mode Mode, code []byte, pc uint64, sym Symbols) Inst {
	return decode(mode, code, pc, resolver{target: sym})
}

// A resolver has the symbols for targets and for plain numbers; either may be
// nil.
type resolver struct{ target, number Symbols }

func decode(mode Mode, code []byte, pc uint64, sym resolver) Inst {
	if len(code) == 0 {
		return Inst{Text: Undecodable}
	}
	var d decoder
	d.init(mode, code)
	if !xop(mode, code) && d.decode() {
		in := Inst{OK: true, IsCall: d.isCall()}
		in.Text = d.print(pc, sym, &in)
		in.Len = d.fixedLen()
		return in
	}
	return decodeExt(mode, code, pc, sym)
}

// Len is the length that Decode would give, without the text.
func Len(mode Mode, code []byte) int {
	if len(code) == 0 {
		return 0
	}
	var d decoder
	d.init(mode, code)
	if !xop(mode, code) && d.decode() {
		return d.fixedLen()
	}
	return extLen(mode, code)
}
