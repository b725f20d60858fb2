package gdbstub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxPacket bounds a packet as it comes over the wire, and expanded, bytes.
const maxPacket = 1 << 20

// Errors of what comes from a stub.
var (
	errLength = fmt.Errorf("a packet of more than %d bytes", maxPacket)
	errRun    = errors.New("bad run length")
)

// encode frames a packet: $payload#checksum. Payloads of this client have no bytes
// that would have to be escaped.
func encode(payload string) []byte {
	sum := byte(0)
	b := make([]byte, 0, len(payload)+4)
	b = append(b, '$')
	for i := range len(payload) {
		sum += payload[i]
		b = append(b, payload[i])
	}
	return append(b, '#', hexDigits[sum>>4], hexDigits[sum&15])
}

const hexDigits = "0123456789abcdef"

// element is what a stub sends: a packet, an acknowledgement or a notification.
type element struct {
	kind byte // '$', '+', '-' or '%'
	data []byte
	bad  bool // the checksum is wrong
}

// scanner cuts a stream into elements. What is between them is passed over, as the
// protocol wants.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	drained  func() // is called before more is read; may be nil
}

func newScanner(r io.Reader) *scanner { return &scanner{r: r, buf: make([]byte, 64<<10)} }

func (s *scanner) byte() (byte, error) {
	for s.pos == s.end {
		if s.drained != nil {
			s.drained()
		}
		n, err := s.r.Read(s.buf)
		if n == 0 && err != nil {
			return 0, err
		}
		s.pos, s.end = 0, n
	}
	s.pos++
	return s.buf[s.pos-1], nil
}

// next gives the next element. An error is the stream's, or that a packet is not
// one: nothing after that can be trusted.
func (s *scanner) next() (element, error) {
	for {
		c, err := s.byte()
		if err != nil {
			return element{}, err
		}
		switch c {
		case '+', '-':
			return element{kind: c}, nil
		case '$', '%':
			return s.packet(c)
		}
	}
}

// fill reads more if nothing is left.
func (s *scanner) fill() error {
	c, err := s.byte()
	if err == nil {
		s.pos--
		s.buf[s.pos] = c
	}
	return err
}

// packet reads to the checksum. A new $ before it begins anew.
func (s *scanner) packet(kind byte) (element, error) {
	e := element{kind: kind}
	var raw []byte
	sum := byte(0)
	for found := false; !found; {
		if err := s.fill(); err != nil {
			return e, err
		}
		part := s.buf[s.pos:s.end]
		if i := bytes.IndexByte(part, '#'); i >= 0 {
			part, found = part[:i], true
			s.pos++
		}
		s.pos += len(part)
		if i := bytes.LastIndexByte(part, '$'); i >= 0 {
			raw, sum, part = raw[:0], 0, part[i+1:]
		}
		if len(raw)+len(part) > maxPacket {
			return e, errLength
		}
		raw = append(raw, part...)
		for _, c := range part {
			sum += c
		}
	}
	want := byte(0)
	for range 2 {
		c, err := s.byte()
		if err != nil {
			return e, err
		}
		v, ok := unhex(c)
		e.bad = e.bad || !ok
		want = want<<4 | v
	}
	e.bad = e.bad || want != sum
	if e.bad {
		return e, nil
	}
	var err error
	e.data, err = expand(raw)
	return e, err
}

// expand undoes escapes ('}' and the byte xor 0x20) and run lengths (a byte, '*',
// the number of repetitions plus 29).
func expand(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '}') < 0 && bytes.IndexByte(raw, '*') < 0 {
		return raw, nil
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '}':
			if i++; i == len(raw) {
				return nil, errRun
			}
			out = append(out, raw[i]^0x20)
		case '*':
			if i++; i == len(raw) || raw[i] < 29 || len(out) == 0 {
				return nil, errRun
			}
			n := int(raw[i]) - 29
			if len(out)+n > maxPacket {
				return nil, errLength
			}
			last := out[len(out)-1]
			for range n {
				out = append(out, last)
			}
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// digitValues are the values of hexadecimal digits, 0xff for what is none.
var digitValues = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

func unhex(c byte) (byte, bool) {
	v := digitValues[c]
	return v & 15, v != 0xff
}

// unhexBytes decodes pairs of digits into dst and gives the number of bytes. What
// is no pair of digits ends it.
func unhexBytes(dst []byte, s []byte) int {
	n := min(len(dst), len(s)/2)
	for i := range n {
		hi, lo := digitValues[s[2*i]], digitValues[s[2*i+1]]
		if hi|lo == 0xff {
			return i
		}
		dst[i] = hi<<4 | lo
	}
	return n
}
