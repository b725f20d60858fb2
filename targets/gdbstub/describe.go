package gdbstub

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of a target description.
const (
	maxRegisters = 4096
	maxIncludes  = 64
	maxXML       = 1 << 20 // bytes, of one document
	maxBits      = 4096    // of one register
)

// A register is one of the stub's, in the order of numbers.
type register struct {
	name string
	bits int
	num  int
}

// description is the set of registers that a stub has.
type description struct {
	arch string
	regs []register
}

// describe reads a target description (gdb manual, "Target Description Format"):
// target.xml and what it includes. fetch gives a document by name.
func describe(fetch func(name string) ([]byte, error)) (*description, error) {
	d := &description{}
	next, docs := 0, 0
	var read func(name string, depth int) error
	read = func(name string, depth int) error {
		if docs++; docs > maxIncludes || depth > 8 {
			return errors.New("target description: too many includes")
		}
		b, err := fetch(name)
		if err != nil {
			return fmt.Errorf("target description %.40q: %w", name, err)
		}
		return d.document(b, &next, func(href string) error { return read(href, depth+1) })
	}
	if err := read("target.xml", 0); err != nil {
		return nil, err
	}
	if len(d.regs) == 0 {
		return nil, errors.New("target description: no registers")
	}
	return d, nil
}

// document reads one document. Registers without a number follow the one before.
func (d *description) document(b []byte, next *int, include func(string) error) error {
	dec := xml.NewDecoder(bytes.NewReader(b))
	dec.Strict = false
	inArch := false
	for {
		t, err := dec.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("target description: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "architecture":
				inArch = true
			case "include":
				if err := include(attr(t, "href")); err != nil {
					return err
				}
			case "reg":
				if err := d.register(t, next); err != nil {
					return err
				}
			}
		case xml.CharData:
			if inArch && d.arch == "" {
				d.arch = strings.TrimSpace(string(t))
			}
		case xml.EndElement:
			inArch = false
		}
	}
}

func (d *description) register(t xml.StartElement, next *int) error {
	bits, err := strconv.Atoi(attr(t, "bitsize"))
	if err != nil || bits <= 0 || bits > maxBits || len(d.regs) == maxRegisters {
		return fmt.Errorf("target description: register %.40q of %.20q bits", attr(t, "name"), attr(t, "bitsize"))
	}
	if n := attr(t, "regnum"); n != "" {
		v, err := strconv.Atoi(n)
		if err != nil || v < 0 || v > 1<<20 {
			return fmt.Errorf("target description: register number %.20q", n)
		}
		*next = v
	}
	d.regs = append(d.regs, register{attr(t, "name"), bits, *next})
	*next++
	return nil
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// The registers of a stub that describes none (gdb's i386 and amd64 without a
// description; bhyve's is the latter's first 24).
var (
	plainAMD64 = plain("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip", 64, "eflags cs ss ds es fs gs")
	plainI386  = plain("eax ecx edx ebx esp ebp esi edi eip", 32, "eflags cs ss ds es fs gs")
)

func plain(full string, bits int, small string) *description {
	d := &description{arch: "i386:x86-64"}
	if bits == 32 {
		d.arch = "i386"
	}
	for _, n := range strings.Fields(full) {
		d.regs = append(d.regs, register{n, bits, len(d.regs)})
	}
	for _, n := range strings.Fields(small) {
		d.regs = append(d.regs, register{n, 32, len(d.regs)})
	}
	return d
}
