package out

import "strings"

type intSize uint8

const (
	sizeOwn   intSize = iota // no letter: the argument's own
	sizeShort                // h
	sizeLong                 // l, ll, j, z
)

// A verb is one conversion of a format as parsed so far.
type verb struct {
	width     int
	size      intSize
	alt       bool // #
	zero      bool // 0
	left      bool // -
	plus      bool // +
	hasDigits bool // the width was given in digits
}

func (v *verb) flags() (f numFlags) {
	if v.plus {
		f |= signPos
	}
	if v.alt {
		f |= showBase
	}
	return f
}

func (v *verb) sign() numFlags {
	if v.plus {
		return signPos
	}
	return 0
}

// digit takes one digit of a width, or the flag 0.
func (v *verb) digit(c byte) {
	if !v.hasDigits {
		if c == '0' {
			v.zero = true
			return
		}
		v.width, v.hasDigits = 0, true
	}
	v.width = min(v.width*10+int(c-'0'), maxWidth)
}

// Printf writes in MDB's dialect.
//
//	%a %A       symbol+offset; %a falls back to hex, %A to nothing (%#A: ?);
//	            %#a appends a colon
//	%b          the names of a Bits argument that follows the value
//	%c %s %%    byte, string (nil: <NULL>)
//	%d %i %u    decimal, signed or not; # adds 0t above 9
//	%r %R       unsigned, signed in the output radix; # adds its prefix
//	%x %X %o %q hexadecimal, octal, signed octal; # adds 0x 0X 0 0 if not zero
//	%p          hexadecimal without prefix
//	%e %g       float with 7 and 16 decimals (%E %G: exponent letter E)
//	%H          human-readable size
//	%I %N       IPv4 address (an integer as a little-endian load gives it, or
//	            bytes), IPv6 address (16 bytes)
//	%Y          time_t in local time
//	%t %nT      n tabs, blanks to a multiple of n
//	%m          margin blanks at the start of a line
//	%<b> %</b>  attributes a b d r s u
//	%<_var>     a variable in signed decimal
//
// The flags are - left, 0 zero fill, + sign, # alternate form; a width is
// decimal, * (an argument) or ? (the digits of a pointer). The package comment
// says what the size letters do.
func (p *Printer) Printf(format string, args ...any) {
	if p.err != nil {
		return
	}
	a := argList{list: args}
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			break
		}
		p.literal(format[:i])
		format = p.conversion(format[i+1:], &a)
	}
	p.literal(format)
}

// literal writes a run of text between conversions.
func (p *Printer) literal(s string) {
	if s == "" {
		return
	}
	if s[0] != '\n' && p.wrapNow(len(s)) {
		p.newline()
	}
	putText(p, s)
}

// conversion parses and prints the conversion that f begins with (after its
// %) and returns what follows it.
func (p *Printer) conversion(f string, args *argList) (rest string) {
	var v verb
	for i := 0; i < len(f); i++ {
		switch c := f[i]; c {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			v.digit(c)
		case '-':
			v.left = true
		case '+':
			v.plus = true
		case '#':
			v.alt = true
		case '?':
			v.width = p.env.ptrDigits()
		case '*':
			v.width = starWidth(args)
		case 'h':
			v.size = sizeShort
		case 'l', 'j', 'z':
			v.size = sizeLong
		case '<':
			return p.angle(f[i+1:], &v)
		default:
			p.letter(c, f[i:i+1], &v, args)
			return f[i+1:]
		}
	}
	emit(p, &v, "", "", "") // the format ends in the middle: its width remains
	return ""
}

func starWidth(args *argList) int {
	a, _ := args.take()
	n, ok := asInteger(a)
	if !ok {
		return 0
	}
	return int(min(uint64(uint32(n.val)), maxWidth))
}

// letter prints one conversion; s is the letter as a string.
func (p *Printer) letter(c byte, s string, v *verb, args *argList) {
	switch c {
	case 'd', 'i':
		p.integer(v, args, 10, v.flags(), true)
	case 'u':
		p.integer(v, args, 10, v.flags(), false)
	case 'r':
		p.integer(v, args, p.env.radix(), v.flags(), false)
	case 'R':
		p.integer(v, args, p.env.radix(), v.flags(), true)
	case 'x':
		p.based(v, args, 16, "0x", 0, false)
	case 'X':
		p.based(v, args, 16, "0X", upCase, false)
	case 'o':
		p.based(v, args, 8, "0", 0, false)
	case 'q':
		p.based(v, args, 8, "0", v.sign(), true)
	case 'p':
		v.size, v.alt = sizeLong, false
		p.based(v, args, 16, "", 0, false)
	case 's':
		p.str(v, args)
	case 'a', 'A':
		p.addr(v, args, c == 'A')
	case 'b':
		p.bits(v, args)
	case 'c':
		p.char(v, args)
	case 'e', 'E':
		p.float(v, args, 7, c)
	case 'g', 'G':
		p.float(v, args, 16, c-'g'+'e')
	case 'H', 'I', 'Y':
		p.special(v, args, c)
	case 'N':
		a, _ := args.take()
		emit(p, v, "", inet6(a), "")
	case 't':
		for range max(v.width, 1) {
			p.tabTo(p.tab)
		}
	case 'T':
		if v.width != 0 && p.col%v.width != 0 {
			p.tabTo(v.width)
		}
	case 'm':
		p.marginBlanks(v.width)
	default:
		emit(p, v, "", s, "") // %% is one of them
	}
}

func (p *Printer) marginBlanks(width int) {
	if p.col != 0 {
		return
	}
	if width == 0 {
		width = p.margin
	}
	p.blanks(width)
}

// takeInteger gives the next argument. Where that is no integer it prints it
// as it is and returns false.
func (p *Printer) takeInteger(v *verb, args *argList) (integer, bool) {
	a, have := args.take()
	n, ok := asInteger(a)
	if ok {
		return n, true
	}
	if have {
		emit(p, v, "", asString(a), "")
	} else {
		emit(p, v, "", noArgument, "")
	}
	return integer{}, false
}

// integer prints the conversions whose prefix depends on the magnitude.
func (p *Printer) integer(v *verb, args *argList, base int, f numFlags, signed bool) {
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	cell := p.num[:0]
	if signed {
		cell = appendInt(cell, n.signed(v.size), base, f)
	} else {
		cell = appendUint(cell, n.unsigned(v.size), base, f)
	}
	emitCell(p, v, "", cell, "")
}

// based prints the conversions that prefix all but zero.
func (p *Printer) based(v *verb, args *argList, base int, prefix string, f numFlags, signed bool) {
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	cell, zero := p.num[:0], false
	if signed {
		i := n.signed(v.size)
		cell, zero = appendInt(cell, i, base, f), i == 0
	} else {
		u := n.unsigned(v.size)
		cell, zero = appendUint(cell, u, base, f), u == 0
	}
	if !v.alt || zero {
		prefix = ""
	}
	emitCell(p, v, prefix, cell, "")
}

func (p *Printer) str(v *verb, args *argList) {
	a, have := args.take()
	s, ok := a.(string)
	if !ok {
		s = noArgument
		if have {
			s = asString(a)
		}
	}
	emit(p, v, "", s, "")
}

func (p *Printer) char(v *verb, args *argList) {
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	cell := p.num[:0]
	if c := byte(n.val); c != 0 {
		cell = append(cell, c)
	}
	emitText(p, v, "", cell, "")
}

func (p *Printer) addr(v *verb, args *argList, nameOnly bool) {
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	suffix := ""
	if v.alt && !nameOnly {
		suffix = ":"
	}
	name, ok := p.env.symbol(n.val)
	switch {
	case ok:
		emit(p, v, "", name, suffix)
	case !nameOnly:
		emitCell(p, v, "", appendUint(p.num[:0], n.val, 16, showBase), suffix)
	case v.alt:
		emit(p, v, "", "?", "")
	default:
		emit(p, v, "", "", "")
	}
}

func (p *Printer) float(v *verb, args *argList, prec int, exp byte) {
	a, have := args.take()
	f, ok := asFloat(a)
	switch {
	case ok:
		emitCell(p, v, "", appendFloat(p.num[:0], f, prec, exp), "")
	case have:
		emit(p, v, "", asString(a), "")
	default:
		emit(p, v, "", noArgument, "")
	}
}

// special prints %H, %I and %Y.
func (p *Printer) special(v *verb, args *argList, c byte) {
	if c == 'I' && args.next < len(args.list) {
		if s, ok := inet4Bytes(args.list[args.next]); ok {
			args.next++
			emit(p, v, "", s, "")
			return
		}
	}
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	cell := p.num[:0]
	switch c {
	case 'H':
		cell = appendHuman(cell, n.unsigned(v.size))
	case 'I':
		cell = appendInet4(cell, uint32(n.val))
	default:
		cell = appendTime(cell, n.signed(sizeLong), p.env.radix())
	}
	emitCell(p, v, "", cell, "")
}

// angle prints %<attribute>, %</attribute> or %<_variable>; f follows the <.
func (p *Printer) angle(f string, v *verb) (rest string) {
	i := strings.IndexByte(f, '>')
	if i < 0 {
		return ""
	}
	name, rest := f[:i], f[i+1:]
	if !strings.HasPrefix(name, "_") {
		p.attribute(name)
		return rest
	}
	cell := p.num[:0]
	if val, ok := p.env.variable(name[1:]); ok {
		cell = appendInt(cell, int64(val), 10, 0)
	}
	emitCell(p, v, "", cell, "")
	return rest
}

// emit writes a string as a cell, up to its first NUL.
func emit(p *Printer, v *verb, prefix, s, suffix string) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	emitText(p, v, prefix, s, suffix)
}

// emitText writes a cell that may have newlines in it: the width that decides
// about wrapping and padding then is at most what precedes the first one.
func emitText[T string | []byte](p *Printer, v *verb, prefix string, s T, suffix string) {
	alt := len(prefix) + len(suffix)
	width := max(v.width, len(s)+alt)
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			width = min(width, i+alt)
			break
		}
	}
	emitWide(p, v, width, prefix, s, suffix)
}

// emitCell writes a cell that has no newlines in it.
func emitCell[T string | []byte](p *Printer, v *verb, prefix string, s T, suffix string) {
	emitWide(p, v, max(v.width, len(s)+len(prefix)+len(suffix)), prefix, s, suffix)
}

func emitWide[T string | []byte](p *Printer, v *verb, width int, prefix string, s T, suffix string) {
	pad := width - len(prefix) - len(suffix) - len(s)
	if p.wrapNow(width) {
		p.newline()
	}
	if pad > 0 && !v.left {
		fill := byte(' ')
		if v.zero {
			fill = '0'
		}
		p.fill(fill, pad)
	}
	put(p, prefix)
	putText(p, s)
	put(p, suffix)
	if pad > 0 && v.left {
		p.blanks(pad)
	}
}

// Sprintf formats as Printf does, without wrapping.
func Sprintf(env *Env, format string, args ...any) string {
	return string(Appendf(nil, env, format, args...))
}

// Sprintf formats as Printf does, without wrapping, in p's environment.
func (p *Printer) Sprintf(format string, args ...any) string {
	return string(Appendf(nil, p.env, format, args...))
}

// Appendf appends to dst what Sprintf returns. Tabs count from column 0.
func Appendf(dst []byte, env *Env, format string, args ...any) []byte {
	p := Printer{env: env, buf: dst, start: len(dst), cols: noLimit, tab: DefaultTab}
	p.Printf(format, args...)
	return p.buf
}
