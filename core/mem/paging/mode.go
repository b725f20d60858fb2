package paging

import "fmt"

// Mode is the way addresses are translated.
type Mode uint8

// The modes. Bits32 is without, Bits32PSE with pages of 4 MB (CR4.PSE).
const (
	None Mode = iota
	Bits32
	Bits32PSE
	PAE
	Long4
	Long5
)

// Bits of control registers that select a mode.
const (
	CR0PE   = 1 << 0  // protected mode
	CR0PG   = 1 << 31 // paging
	CR4PSE  = 1 << 4
	CR4PAE  = 1 << 5
	CR4LA57 = 1 << 12
	EFERLME = 1 << 8
	EFERLMA = 1 << 10
)

// ModeOf is the mode that control registers select. A processor in long mode has
// EFER.LMA set; LME with paging on is the same.
func ModeOf(cr0, cr4, efer uint64) Mode {
	switch {
	case cr0&CR0PG == 0:
		return None
	case cr4&CR4PAE == 0:
		if cr4&CR4PSE != 0 {
			return Bits32PSE
		}
		return Bits32
	case efer&(EFERLMA|EFERLME) == 0:
		return PAE
	case cr4&CR4LA57 != 0:
		return Long5
	}
	return Long4
}

// Registers are control registers that select the mode.
func (m Mode) Registers() (cr0, cr4, efer uint64) {
	switch m.known() {
	case Bits32:
		return CR0PE | CR0PG, 0, 0
	case Bits32PSE:
		return CR0PE | CR0PG, CR4PSE, 0
	case PAE:
		return CR0PE | CR0PG, CR4PAE, 0
	case Long4:
		return CR0PE | CR0PG, CR4PAE, EFERLME | EFERLMA
	case Long5:
		return CR0PE | CR0PG, CR4PAE | CR4LA57, EFERLME | EFERLMA
	}
	return 0, 0, 0
}

var modeNames = [...]string{"none", "32-bit", "32-bit PSE", "PAE", "4-level", "5-level"}

// String is the mode in words: "none", "32-bit", "PAE", "4-level".
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// modeWords are what ParseMode takes.
var modeWords = map[string]Mode{
	"none": None, "real": None,
	"32": Bits32PSE, "32bit": Bits32PSE, "32-bit": Bits32PSE, "pse": Bits32PSE,
	"pae": PAE, "PAE": PAE,
	"4": Long4, "4-level": Long4, "long": Long4,
	"5": Long5, "5-level": Long5, "la57": Long5,
}

// ParseMode is the mode a user names: none (real), 32, pae, 4, 5.
func ParseMode(s string) (Mode, error) {
	if m, ok := modeWords[s]; ok {
		return m, nil
	}
	return None, fmt.Errorf("parse paging mode %q: expected none, 32, pae, 4 or 5", s)
}

// Levels is the number of tables on the way to a page of 4 KB.
func (m Mode) Levels() int {
	return [...]int{0, 2, 2, 3, 4, 5}[m.known()]
}

// EntrySize is the size of an entry in bytes.
func (m Mode) EntrySize() int {
	if m.legacy() {
		return 4
	}
	return 8
}

// VABits is the width of a virtual address.
func (m Mode) VABits() int {
	return [...]int{32, 32, 32, 32, 48, 57}[m.known()]
}

// Long tells whether addresses are those of long mode: sign-extended to 64 bits.
func (m Mode) Long() bool { return m == Long4 || m == Long5 }

func (m Mode) legacy() bool { return m == Bits32 || m == Bits32PSE }

// known makes a Mode an index of the tables above, whatever its value.
func (m Mode) known() Mode {
	if m > Long5 {
		return None
	}
	return m
}

// Canonical tells whether va is an address of the mode: one without bits above its
// width, in long mode sign-extended.
func (m Mode) Canonical(va uint64) bool {
	if !m.Long() {
		return va>>32 == 0
	}
	s := 64 - m.VABits()
	return uint64(int64(va<<s)>>s) == va
}

// root is the physical address of the top table in a value of CR3.
func (m Mode) root(cr3 uint64) uint64 {
	switch {
	case m.legacy():
		return cr3 & 0xffff_f000
	case m == PAE:
		return cr3 & 0xffff_ffe0
	}
	return cr3 & addrMask
}

// shift is the bit of an address at which the index of a level begins.
func (m Mode) shift(level int) uint {
	if m.legacy() {
		return 12 + 10*uint(level-1)
	}
	return 12 + 9*uint(level-1)
}

// entries is the number of entries in a table of a level.
func (m Mode) entries(level int) int {
	switch {
	case m.legacy():
		return 1024
	case m == PAE && level == 3:
		return 4
	}
	return 512
}
