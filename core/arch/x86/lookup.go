package x86

var (
	opPause    = op{"pause", fNo, 0}
	opWbnoinvd = op{"wbnoinvd", fNo, 0}
	opMovslq   = op{"movslq", fMovslq, 0}
	opCrc32b   = op{"crc32b", fCrc32, 0}
	opCrc32    = op{"crc32", fCrc32, sfx}
	opAdox     = op{"adox", fEvGv, 0}
)

// groups are the one-byte opcodes whose reg field selects.
var groups = [256]*[8]op{
	0x80: &group80, 0x81: &group81, 0x82: &group82, 0x83: &group83,
	0xC0: &groupC0, 0xC1: &groupC1,
	0xD0: &groupD0, 0xD1: &groupD1, 0xD2: &groupD2, 0xD3: &groupD3,
	0xF6: &groupF6, 0xF7: &groupF7, 0xFE: &groupFE, 0xFF: &groupFF,
}

// groups0F are the two-byte ones.
var groups0F = [256]*[8]op{
	0x00: &group0F00, 0x01: &group0F01, 0x0D: &group0F0D, 0x18: &group0F18,
	0xAE: &group0FAE, 0xBA: &group0FBA, 0xC7: &group0FC7,
}

// lookup goes from the entry in the first map to the op that the further
// opcode bytes, the ModRM byte and the prefixes select.
func (d *decoder) lookup() bool {
	// pause has the encoding of a repz nop.
	if d.rep == 0xF3 && d.opc[0] == 0x90 {
		d.rep = 0
		d.op = &opPause
	}
	two := false // op is still the entry of the 0F map
	switch d.op.form {
	case fTwo:
		d.opc[1], d.nopc, d.opEnd = d.byte(), 2, d.n
		if d.fail {
			return false
		}
		if d.lax && d.extTwo() {
			return d.op != nil
		}
		switch b := d.opc[1]; {
		case b >= 0x71 && b <= 0x73:
			return d.shift()
		case b == 0x38:
			return d.three38()
		case b == 0x3A:
			return d.three3A()
		case b == 0x09 && d.rep == 0xF3:
			d.rep = 0
			d.op = &opWbnoinvd
		default:
			d.op = &twoByte[b]
			two = true
		}
	case fX87:
		d.x87()
		if !d.valid() {
			d.unknownX87()
			return false
		}
		return true
	}
	if d.op.form == fGroup {
		d.modRM()
		switch {
		case d.fail:
			return false
		case d.vex != 0:
			if !d.vexShared() {
				return false
			}
		case two:
			d.op = &groups0F[d.opc[1]][d.reg]
			two = false
		case d.lax && d.opc[0]&^1 == 0xC0 && d.reg == 6:
			d.op = &groups[d.opc[0]][4] // shl's twin, which MDB knows in places
		default:
			d.op = &groups[d.opc[0]][d.reg]
		}
	}
	if d.vex == 0 && d.mode == Mode64 && d.opc[0] == 0x63 {
		d.op = &opMovslq
		return true
	}
	if two {
		d.selectSSE()
	}
	return d.valid() && d.prefixed()
}

// valid says whether op is an instruction in this mode.
func (d *decoder) valid() bool {
	f := d.op.flag
	if m := d.op.form; m >= fPrefixRep && m <= fPrefixAddr {
		return false // a prefix after REX
	}
	return !d.op.bad() &&
		!(f&no64 != 0 && d.mode == Mode64) && !(f&no32 != 0 && d.mode != Mode64)
}

// selectSSE replaces an entry of the 0F map by what 66, F2 or F3 make of it.
func (d *decoder) selectSSE() {
	if d.op.flag&noRep != 0 && d.rep == 0xF3 {
		if o := &sseF3[d.opc[1]]; !d.lax || !o.bad() {
			d.op = o
			d.rep = 0
		}
		return
	}
	if !d.op.bad() && d.op.flag&px == 0 {
		return
	}
	switch {
	case d.rep == 0xF2:
		d.op = &sseF2[d.opc[1]]
		d.rep = 0
	case d.rep == 0xF3:
		d.op = &sseF3[d.opc[1]]
		d.rep = 0
	case d.data != 0:
		d.op = &sse66[d.opc[1]]
		d.data = 0
		if d.opsz == size16 {
			d.opsz = size32
		}
	}
}

// prefixed handles the other entries that a prefix changes or rules out.
func (d *decoder) prefixed() bool {
	switch {
	case d.op.flag&noRep != 0:
		return d.rep == 0 || d.lax
	case d.op.form == fGroup9:
		return d.group9()
	case d.nopc == 2 && d.opc[1] == 0xAE && d.op.flag&px != 0:
		if d.lax {
			return true
		}
		if d.rep == 0xF3 {
			d.op = &groupF30FAE[d.reg]
			d.rep = 0
			return d.valid()
		}
		return d.rep == 0
	}
	return true
}

// group9 is 0F C7 except cmpxchg8b.
func (d *decoder) group9() bool {
	if d.mod == 3 {
		d.op = &group0FC7Reg[d.reg]
		return !d.op.bad()
	}
	switch {
	case d.lax && d.reg != 6: // prefixes without a meaning
	case d.rep == 0xF3:
		d.op = &groupF30FC7[d.reg]
		d.rep = 0
	case d.rep != 0:
		return false
	case d.data != 0:
		d.op = &group660FC7[d.reg]
		d.data = 0
		if d.opsz == size16 {
			d.opsz = size32
		}
	}
	return !d.op.bad()
}

// shift is 0F 71 to 73. The ModRM byte serves as the third opcode byte, and its
// mod field means nothing to MDB.
func (d *decoder) shift() bool {
	d.opc[2], d.nopc = d.byte(), 3
	i, j := d.opc[1]-0x71, d.opc[2]>>3&7
	if d.data != 0 && !mmxShift[i][j].bad() {
		d.op = &sseShift[i][j]
		d.data = 0
		if d.opsz == size16 {
			d.opsz = size32
		}
		return true
	}
	d.op = &mmxShift[i][j]
	return d.op.name != ""
}

func (d *decoder) three38() bool {
	d.opc[2], d.nopc, d.opEnd = d.byte(), 3, d.n
	if d.lax && d.extLegacy(ext0F38) {
		return true
	}
	d.op = &map0F38[d.opc[2]]
	switch d.opc[2] {
	case 0xF0, 0xF1:
		if d.rep == 0xF2 {
			d.op = &opCrc32b
			if d.opc[2] == 0xF1 {
				d.op = &opCrc32
			}
			d.rep = 0
			return true
		}
		return d.rep == 0
	case 0xF6:
		// The prefix only tells adcx from adox; operands are never 16 bits.
		if d.data == 0 && d.rep == 0xF3 {
			d.op = &opAdox
		} else if d.data == 0 && d.rep != 0 {
			return false
		}
		d.data, d.rep = 0, 0
		d.opsz = size32
		if d.rex&rexW != 0 {
			d.opsz = size64
		}
		return true
	}
	return !d.op.bad() && !(d.op.flag&need66 != 0 && d.data == 0)
}

func (d *decoder) three3A() bool {
	d.opc[2], d.nopc, d.opEnd = d.byte(), 3, d.n
	if d.lax && d.extLegacy(ext0F3A) {
		return true
	}
	d.op = &map0F3A[d.opc[2]]
	if d.opsz == size16 {
		d.opsz = size32
	}
	return !d.op.bad() && !(d.op.flag&need66 != 0 && d.data == 0)
}

// unknownX87 steps over the operand of an x87 opcode that means nothing.
func (d *decoder) unknownX87() {
	if d.lax && !d.fail {
		var o operand
		d.sizes()
		d.rm(classV, &o)
		d.whole = true
	}
}

func (d *decoder) x87() {
	d.modRM()
	b := d.opc[0] & 7
	switch {
	case d.mod != 3:
		d.op = &x87Mem[b][d.reg]
	case b == 1 && d.reg >= 4:
		d.op = &x87D9[d.reg-4][d.r]
	case b == 3 && d.reg == 4:
		d.op = &x87DB[d.r]
	default:
		d.op = &x87Reg[b][d.reg]
	}
}
