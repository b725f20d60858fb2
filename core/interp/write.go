package interp

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// writeSizes are the sizes of the write characters, in bytes.
var writeSizes = map[byte]int{'v': 1, 'w': 2, 'W': 4, 'Z': 8}

// writeValues writes the values of the arguments one after another from dot.
func writeValues(c *core.Ctx, sp mem.Space) error {
	char := c.Args[0].Char
	if len(c.Args) == 1 {
		c.Warnf("expected value to write following %c", char)
		return core.ErrFailed
	}
	addr := c.Frame.Dot
	for _, a := range c.Args[1:] {
		value, err := ArgValue(c, a, "write")
		if err != nil {
			return err
		}
		c.Frame.Dot = addr
		size, err := WriteValue(c, sp, addr, value, writeSizes[char])
		if err != nil {
			c.Warnf("failed to write %llr at address 0x%llx: %s", value, addr, core.Reason(err))
			c.Frame.Incr = 0
			return core.ErrFailed
		}
		c.Frame.Incr = uint64(size)
		addr += uint64(size)
	}
	return nil
}

// ArgValue is the value of an argument of a write or match character: a number,
// or text to evaluate.
func ArgValue(c *core.Ctx, a core.Arg, doing string) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	if a.Char != 0 {
		c.Warnf("expected immediate value instead of '%c'", a.Char)
		return 0, core.ErrFailed
	}
	if err := c.Session.Eval.Eval(c, c.Session, a.Str); err != nil {
		if !errors.Is(err, core.ErrParse) {
			return 0, err
		}
		c.Warnf("failed to %s \"%s\": %s", doing, a.Str, err.Error())
		return 0, core.ErrFailed
	}
	return c.Frame.Dot, nil
}

// WriteValue writes a value of 1, 2, 4 or 8 bytes, or, with size 0, of the size
// that the type of the symbol at addr says, and prints the old and the new value
// if the session's options say so. It returns the size.
func WriteValue(c *core.Ctx, sp mem.Space, addr, value uint64, size int) (int, error) {
	if size == 0 {
		var err error
		if size, err = typedSize(c, addr); err != nil {
			return 0, err
		}
		if size < 8 && value>>(8*size) != 0 {
			need := 8
			for need > 1 && value>>(8*(need-1)) == 0 {
				need--
			}
			c.Warnf("value too big for the length of the write: supplied %llu bytes but maximum is %llu bytes",
				uint64(need), uint64(size))
			return 0, syscall.EINVAL
		}
	}
	order := c.Arch().Order
	old, err := mem.ReadUint(sp, mem.Addr(addr), size, order)
	if err != nil && c.Opts.WriteReadback && !errors.Is(err, mem.ErrEOF) && !partly(sp, addr) {
		return 0, err
	}
	image := make([]byte, size)
	mem.PutUint(image, value, order)
	if err := c.Session.Write(sp, image, mem.Addr(addr)); err != nil {
		return 0, err
	}
	if c.Opts.WriteReadback {
		now, err := mem.ReadUint(sp, mem.Addr(addr), size, order)
		if err != nil {
			return 0, err
		}
		readback(c, addr, old, now, size)
	}
	return size, nil
}

// partly tells whether at least the first byte at addr can be read.
func partly(sp mem.Space, addr uint64) bool {
	var b [1]byte
	n, _ := sp.ReadAt(b[:], mem.Addr(addr))
	return n == 1
}

// readback prints the line that follows a write.
func readback(c *core.Ctx, addr, old, now uint64, size int) {
	const lead = "%-#*lla%16T"
	m := c.P.Margin()
	switch size {
	case 1:
		c.Printf(lead+"%-#8x=%8T0x%x\n", m, addr, uint8(old), uint8(now))
	case 2:
		c.Printf(lead+"%-#8hx=%8T0x%hx\n", m, addr, uint16(old), uint16(now))
	case 4:
		c.Printf(lead+"%-#16x=%8T0x%x\n", m, addr, uint32(old), uint32(now))
	default:
		c.Printf(lead+"%-#24llx=%8T0x%llx\n", m, addr, old, now)
	}
}

// typedSize is the size of the object of a scalar type at addr.
func typedSize(c *core.Ctx, addr uint64) (int, error) {
	if _, ok := core.As[core.Types](c.Session.Context()); !ok {
		c.Warnf("no CTF data found at this address")
		return 0, core.ErrNotSup
	}
	t, err := symbolType(c.Session, addr)
	if err != nil {
		c.Warnf("no CTF data found at this address")
		return 0, err
	}
	switch r := t.Resolve(); {
	case r.Kind() == ctype.Integer, r.Kind() == ctype.Enum, r.Kind().IsPointer():
		switch size := r.Size(); size {
		case 1, 2, 4, 8:
			return int(size), nil
		default:
			return 0, fmt.Errorf("no write of %d bytes", size)
		}
	}
	c.Warnf("CTF type should be integer, pointer, or enum")
	return 0, syscall.EINVAL
}

// symbolType is the type of the data whose symbol is exactly at addr.
func symbolType(s *core.Session, addr uint64) (*ctype.Type, error) {
	m, err := s.SymbolAt(addr)
	if err != nil {
		return nil, err
	}
	return s.DataType(m)
}
