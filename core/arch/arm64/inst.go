package arm64

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

// Size is the length of every instruction in bytes.
const Size = 4

// Inst is one decoded instruction.
type Inst struct {
	// Text is the instruction in GNU syntax, its mnemonic padded to six
	// characters. The symbol of an address follows a tab, in angle brackets.
	Text string
	// Len is Size, or what is left of the code where that is less.
	Len int
	// OK is false where the word is no instruction known here.
	OK bool
	// IsCall is true for bl, blr and their authenticating forms.
	IsCall bool
	// Target is the virtual address that a direct branch goes to, or that adr
	// or adrp makes or a literal load reads, if HasTarget.
	Target    uint64
	HasTarget bool
}

// Decode decodes the instruction that begins code and lies at virtual address
// pc. Instructions are little-endian whatever the data are. sym, if not nil,
// turns the target address into the text appended in angle brackets.
func Decode(code []byte, pc uint64, sym func(addr uint64) (string, bool)) Inst {
	if len(code) < Size {
		return Inst{Text: "(truncated)", Len: len(code)}
	}
	w := binary.LittleEndian.Uint32(code)
	in := Inst{Len: Size, IsCall: isCall(w)}
	text, rel, hasRel := decode(w)
	if text == "" {
		in.Text = fmt.Sprintf(".inst  0x%08x ; undefined", w)
		return in
	}
	in.OK = true
	if hasRel {
		base := pc
		if w>>24&0x9F == 0x90 { // adrp: relative to the page
			base &^= 0xFFF
		}
		in.Target, in.HasTarget = base+uint64(rel), true
		text = strings.Replace(text, relMark, fmt.Sprintf("%#x", in.Target), 1)
		if sym != nil {
			if s, ok := sym(in.Target); ok {
				text += "\t<" + s + ">"
			}
		}
	}
	in.Text = pad(text)
	return in
}

// relMark stands for the address of a relative operand until pc is applied.
const relMark = "\x00"

// decode returns the text of an instruction, empty if it is none, and the
// distance to the address that it names.
func decode(w uint32) (text string, rel int64, hasRel bool) {
	if s := overlay(w); s != "" {
		return s, 0, false
	}
	var b [Size]byte
	binary.LittleEndian.PutUint32(b[:], w)
	in, err := arm64asm.Decode(b[:])
	if err != nil {
		return "", 0, false
	}
	text = normal(arm64asm.GNUSyntax(in))
	if w&0xFF20FC07 == 0x1E202000 && w>>3&1 != 0 { // fcmp with zero
		text += ".0"
	}
	for _, a := range in.Args {
		if r, ok := a.(arm64asm.PCRel); ok {
			s := strings.ToLower(r.String())
			if i := strings.LastIndex(text, s); i >= 0 {
				return text[:i] + relMark + text[i+len(s):], int64(r), true
			}
		}
	}
	return text, 0, false
}

// normal puts the blanks where objdump has them.
func normal(s string) string {
	s = strings.TrimSpace(s)
	buf := make([]byte, 0, len(s)+4)
	for i := 0; i < len(s); i++ {
		buf = append(buf, s[i])
		if s[i] == ',' && i+1 < len(s) && s[i+1] != ' ' {
			buf = append(buf, ' ')
		}
	}
	return string(buf)
}

// pad widens the mnemonic to six characters.
func pad(s string) string {
	i := strings.IndexByte(s, ' ')
	if i < 0 || i >= 6 {
		return s
	}
	return s[:i] + "      "[i:] + s[i:]
}

// isCall recognises bl, blr, blraa and so on.
func isCall(w uint32) bool {
	return w>>26 == 0x25 || // bl
		w&0xFFFFFC1F == 0xD63F0000 || // blr
		w&0xFEFFF800 == 0xD63F0800 // blraa, blrab and the forms with zero
}
