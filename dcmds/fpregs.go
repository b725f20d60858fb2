package dcmds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
)

// fpregsDcmds show floating point and vector registers.
func fpregsDcmds() []*core.Dcmd {
	var l []*core.Dcmd
	for _, name := range []string{"fpregs", "$x", "$X", "$y", "$Y"} {
		l = append(l, &core.Dcmd{
			Name: name, Usage: "?[-dqs]", Descr: "print floating point registers",
			Help: "Print the floating point and vector registers of the thread whose id is the\n" +
				"address, or of the representative thread: x87, SSE and AVX, or those of arm64.\n" +
				"-d, -q and -s are for SPARC and do nothing here.\n",
			Opts: []core.Opt{{Letter: 'd'}, {Letter: 'q'}, {Letter: 's'}},
			Run:  runFpregs,
		})
	}
	return l
}

// The FXSAVE area (Intel SDM volume 1, table 10-2) and the AVX state component of
// an XSAVE area in standard form (section 13.4).
const (
	fxFCW, fxFSW, fxFTW, fxFOP = 0, 2, 4, 6
	fxRIP, fxRDP, fxMXCSR      = 8, 16, 24
	fxST, fxXMM, fxSize        = 32, 160, 512
	xsaveBV, xsaveYMM          = 512, 576
	xsaveAVX                   = 1 << 2 // bit of XSTATE_BV
)

var errNoFP = errors.New("failed to get floating point registers")

func runFpregs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	regs, err := threadRegs(c)
	if err != nil {
		return err
	}
	if regs.Arch == arch.ARM64 {
		return armFpregs(c, regs)
	}
	fx, xs := regs.Areas["fxsave"], regs.Areas["xsave"]
	if len(fx) < fxSize && len(xs) >= fxSize {
		fx = xs[:fxSize]
	}
	if len(fx) < fxSize {
		return errNoFP
	}
	n := 16
	if regs.Arch == arch.I386 {
		n = 8
	}
	ymm := avxHalves(xs)
	noted := regs.Areas["fpchip_state"]
	c.Record(func() { printX87(c, regs.Arch, fx, noted); printSSE(c, fx, ymm, noted, n) }, fpFields(fx, ymm, n)...)
	return nil
}

// avxHalves gives the upper halves of the ymm registers, nil if the area does not
// have them. A component in its initial state is all zeros and may be left out.
func avxHalves(xs []byte) []byte {
	if len(xs) < xsaveYMM+16*16 {
		return nil
	}
	if binary.LittleEndian.Uint64(xs[xsaveBV:])&xsaveAVX == 0 {
		return make([]byte, 16*16)
	}
	return xs[xsaveYMM : xsaveYMM+16*16]
}

// fpFields has the first n of the vector registers.
func fpFields(fx, ymm []byte, n int) []out.Field {
	le := binary.LittleEndian
	f := []out.Field{
		{Name: "cw", Value: out.Hex(le.Uint16(fx[fxFCW:]))}, {Name: "sw", Value: out.Hex(le.Uint16(fx[fxFSW:]))},
		{Name: "mxcsr", Value: out.Hex(le.Uint32(fx[fxMXCSR:]))},
	}
	for i := range 8 {
		f = append(f, out.Field{Name: fmt.Sprintf("st%d", i), Value: "0x" + vectorHex(fx[fxST+16*i:fxST+16*i+10])})
	}
	for i := range n {
		f = append(f, out.Field{Name: fmt.Sprintf("xmm%d", i), Value: "0x" + vectorHex(fx[fxXMM+16*i:fxXMM+16*i+16])})
	}
	for i := 0; ymm != nil && i < n; i++ {
		f = append(f, out.Field{Name: fmt.Sprintf("ymm%d", i), Value: "0x" + vectorHex(ymm[16*i:16*i+16]) + vectorHex(fx[fxXMM+16*i:fxXMM+16*i+16])})
	}
	return f
}

// vectorHex writes bytes in memory order as one little-endian number.
func vectorHex(b []byte) string {
	var s strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		fmt.Fprintf(&s, "%02x", b[i])
	}
	return s.String()
}

// printX87 prints the x87 registers. noted has the status words at the last exception,
// as the illumos kernel keeps them: of x87, of SSE.
func printX87(c *core.Ctx, a *arch.Arch, fx, noted []byte) {
	le := binary.LittleEndian
	cw, sw := le.Uint16(fx[fxFCW:]), le.Uint16(fx[fxFSW:])
	top := uint(sw >> 11 & 7)
	c.Printf("%s (80486 chip with SSE)\n", map[bool]string{true: "AMD64", false: "i386"}[a == arch.AMD64])
	c.Printf("cw     0x%04x (%s)\n", cw, controlWord(cw))
	c.Printf("sw     0x%04x (TOP=0t%u) (%s)\n", sw, top, names(uint32(sw), statusBits))
	if len(noted) >= 8 {
		v := le.Uint32(noted)
		c.Printf("xcp sw 0x%04x (%s)\n", v, names(v, statusBits))
	}
	c.Printf("\n")
	if a == arch.I386 { // the form of FXSAVE without REX.W: 32 bits of offset, 16 of selector
		c.Printf("ipoff  %a\ncssel  0x%x\n", uint64(le.Uint32(fx[fxRIP:])), le.Uint16(fx[fxRIP+4:]))
		c.Printf("dtoff  %a\ndtsel  0x%x\n\n", uint64(le.Uint32(fx[fxRDP:])), le.Uint16(fx[fxRDP+4:]))
	} else {
		c.Printf("fop    0x%x\nrip    0x%llx\nrdp    0x%llx\n\n", le.Uint16(fx[fxFOP:]), le.Uint64(fx[fxRIP:]), le.Uint64(fx[fxRDP:]))
	}
	for i := range uint(8) {
		st := fx[fxST+16*i:]
		exp, sig := le.Uint16(st[8:]), le.Uint64(st)
		full := fx[fxFTW]>>((i+top)&7)&1 != 0
		c.Printf("%%st%d   0x%04x.%016llx = %s %s\n", i, exp, sig, out.FormatFloat(extended(exp, sig), longDoubleDigits), tagName(full, exp, sig))
	}
}

// longDoubleDigits is how many digits the dialect gives a long double.
const longDoubleDigits = 16

// extended is the value of an x87 80-bit number as nearly as a float64 has it.
func extended(exp uint16, sig uint64) float64 {
	sign := 1.0
	if exp&0x8000 != 0 {
		sign = -1
	}
	e := int(exp & 0x7fff)
	if e == 0x7fff {
		if sig<<1 == 0 {
			return math.Inf(int(sign))
		}
		return math.NaN()
	}
	return sign * math.Ldexp(float64(sig), max(e, 1)-16383-63)
}

// tagName is the full tag that the one bit of FXSAVE stands for (AMD64
// Architecture Programmer's Manual volume 2, section 11.5.8).
func tagName(full bool, exp uint16, sig uint64) string {
	switch e := exp & 0x7fff; {
	case !full:
		return "empty"
	case e == 0 && sig == 0:
		return "zero"
	case e == 0, e == 0x7fff, sig>>63 == 0:
		return "special"
	}
	return "valid"
}

type bitName struct {
	bit  uint
	name string
}

var (
	maskBits   = []bitName{{0, "IM"}, {1, "DM"}, {2, "ZM"}, {3, "OM"}, {4, "UM"}, {5, "PM"}}
	statusBits = []bitName{{0, "IE"}, {1, "DE"}, {2, "ZE"}, {3, "OE"}, {4, "UE"}, {5, "PE"}, {6, "SF"}, {7, "ES"},
		{8, "C0"}, {9, "C1"}, {10, "C2"}, {14, "C3"}, {15, "B"}}
	mxcsrBits = []bitName{{0, "IE"}, {1, "DE"}, {2, "ZE"}, {3, "OE"}, {4, "UE"}, {5, "PE"}, {6, "DAZ"},
		{7, "IM"}, {8, "DM"}, {9, "ZM"}, {10, "OM"}, {11, "UM"}, {12, "PM"}}
)

func nameList(v uint32, table []bitName) []string {
	var l []string
	for _, b := range table {
		if v>>b.bit&1 != 0 {
			l = append(l, b.name)
		}
	}
	return l
}

func names(v uint32, table []bitName) string { return orZero(nameList(v, table)) }

func orZero(l []string) string {
	if len(l) == 0 {
		return "0"
	}
	return strings.Join(l, "|")
}

// controlWord decodes the x87 control word: masks, precision, rounding, infinity.
func controlWord(cw uint16) string {
	l := nameList(uint32(cw), maskBits)
	if p := [...]string{"SIG24", "", "SIG53", "SIG64"}[cw>>8&3]; p != "" {
		l = append(l, p)
	}
	l = append(l, [...]string{"RTN", "RD", "RU", "RTZ"}[cw>>10&3], [...]string{"P", "A"}[cw>>12&1])
	return orZero(l)
}

func mxcsr(v uint32) string {
	l := append(nameList(v, mxcsrBits), [...]string{"RTN", "RD", "RU", "RTZ"}[v>>13&3])
	if v>>15&1 != 0 {
		l = append(l, "FZ")
	}
	return orZero(l)
}

func printSSE(c *core.Ctx, fx, ymm, noted []byte, n int) {
	v := binary.LittleEndian.Uint32(fx[fxMXCSR:])
	c.Printf("\nmxcsr  0x%04x (%s)\n", v, mxcsr(v))
	if len(noted) >= 8 {
		v := binary.LittleEndian.Uint32(noted[4:])
		c.Printf("xcp    0x%04x (%s)\n", v, mxcsr(v))
	}
	c.Printf("\n")
	for i := range n {
		c.Printf("%-7s0x%s\n", fmt.Sprintf("%%xmm%d", i), vectorHex(fx[fxXMM+16*i:fxXMM+16*i+16]))
	}
	if ymm == nil {
		return
	}
	c.Printf("\n")
	for i := range n {
		c.Printf("%-7s0x%s%s\n", fmt.Sprintf("%%ymm%d", i), vectorHex(ymm[16*i:16*i+16]), vectorHex(fx[fxXMM+16*i:fxXMM+16*i+16]))
	}
}
