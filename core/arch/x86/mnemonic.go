package x86

// A mnemonic is built like a string, but MDB also changes characters at fixed
// places of it, whatever prefixes stand in front.
type mnemonic struct {
	n   int
	buf [40]byte
}

func (m *mnemonic) add(s string) { m.n += copy(m.buf[m.n:], s) }

func (m *mnemonic) set(s string) {
	m.n = 0
	m.add(s)
}

// put changes the character at position i.
func (m *mnemonic) put(i int, c byte) {
	if i < m.n {
		m.buf[i] = c
	}
}

func (m *mnemonic) String() string { return string(m.buf[:m.n]) }

// last returns the mnemonic without the prefixes in front of it.
func (m *mnemonic) last() []byte {
	i := m.n
	for i > 0 && m.buf[i-1] != ' ' {
		i--
	}
	return m.buf[i:m.n]
}

var suffixes = [...]string{"", "w", "l", "q"}

// mnemonic writes the prefixes, the op's name and what is appended to it.
func (d *decoder) mnemonic() {
	m := &d.name
	if d.lax {
		d.idleSegment()
	}
	if d.lock != 0 {
		m.add("lock ")
	}
	switch d.rep {
	case 0xF2:
		m.add("repnz ")
	case 0xF3:
		m.add("repz ")
	}
	if d.mode == Mode64 && d.addr != 0 {
		m.add("addr32 ")
	}
	m.add(d.op.name)
	m.add(d.name3D)
	switch f := d.op.flag; {
	case f&(dq|sfx) == dq|sfx:
		m.add(pick(d.opsz == size64, "d", "q"))
	case f&dq != 0:
		m.add(pick(d.w, "d", "q"))
	case f&fma != 0:
		m.set(d.op.name)
		m.add(pick(d.w, "s", "d"))
	case f&width32 != 0:
		m.add(pick(d.w, "32", "64"))
	case f&width8 != 0:
		if d.pp == 3 {
			m.add(pick(d.w, "8", "16"))
		} else {
			m.add(pick(d.w, "32", "64"))
		}
	case f&mask != 0:
		m.add(d.maskSuffix())
	case f&sfx != 0:
		d.sizeSuffix()
	}
}

// idleSegment writes a segment override that the processor ignores, and MDB
// refuses, as a prefix. Before an indirect branch it is CET's notrack.
func (d *decoder) idleSegment() {
	if d.mode != Mode64 || d.seg == "" || d.seg == "%fs:" || d.seg == "%gs:" {
		return
	}
	if d.seg == "%ds:" && d.op.form == fIndirect {
		d.name.add("notrack ")
	} else {
		d.name.add(d.seg[1:3])
		d.name.add(" ")
	}
	d.seg = ""
}

func pick(w bool, no, yes string) string {
	if w {
		return yes
	}
	return no
}

// sizeSuffix appends w, l or q. In MDB's cmov it comes before the condition
// and a dot ("cmovl.ne"); pinsr and pextr have d.
func (d *decoder) sizeSuffix() {
	m := &d.name
	switch {
	case d.nopc == 2 && d.opc[1]>>4 == 4:
		for i := 5; i < m.n; i++ {
			if m.buf[i] == '.' {
				m.buf[i-1] = suffixes[d.opsz][0]
				return
			}
		}
	case d.nopc == 3 && d.opsz == size32 && (d.opc[2] == 0x16 || d.opc[2] == 0x22):
		m.add("d")
	default:
		m.add(suffixes[d.opsz])
	}
}

// maskSuffix is the element size of an opmask instruction as MDB finds it.
func (d *decoder) maskSuffix() string {
	switch {
	case d.opc[0] == 0x4B: // kunpck
		switch {
		case d.vex != 0xC5:
			return "dq"
		case d.pp == 0:
			return "wd"
		}
		return "bw"
	case d.opc[0]>>4 == 3: // kshiftl, kshiftr
		odd := d.opc[0]&1 != 0
		if d.w {
			return pick(odd, "w", "q")
		}
		return pick(odd, "b", "d")
	case d.mode == Mode64 && d.opsz == size32 || d.vex == 0xC5:
		return [4]string{"w", "b", "d", "d"}[d.pp]
	}
	return pick(d.pp == 1, "q", "d")
}
