package x86

// paddingZone is how close to the end of a function MDB takes a zero byte for
// padding, or for the end of a jump table, rather than for an addb.
const paddingZone = 0x10

// Padding returns what MDB shows instead of an instruction for a zero byte at
// pc that lies near the end of the symbol there, or behind it: ".byte 0", one
// byte long. around gives the symbol at or before an address, with its size in
// bytes; it is asked for the byte after pc, as MDB does. ok is false where the
// bytes are to be decoded.
func Padding(code []byte, pc uint64, around func(addr uint64) (start, size uint64, ok bool)) (in Inst, ok bool) {
	if len(code) == 0 || code[0] != 0 || around == nil {
		return Inst{}, false
	}
	at := pc + 1
	start, size, found := around(at)
	if !found || start < at && at <= start+size-paddingZone {
		return Inst{}, false
	}
	return Inst{Text: ".byte\t0 ", Len: 1, OK: true}, true
}
