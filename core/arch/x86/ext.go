package x86

func decodeExt(mode Mode, code []byte, pc uint64, sym func(uint64) (string, bool)) Inst {
	return Inst{Text: Undecodable, Len: 1}
}
func extLen(mode Mode, code []byte) (int, bool) { return 1, false }
func (d *decoder) fixLen()                      {}
