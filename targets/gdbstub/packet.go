package gdbstub

import (
	"errors"
	"fmt"
	"io"
)

// maxPacket bounds a packet as it comes over the wire, and expanded, bytes.
const maxPacket = 1 << 20

// Errors of what comes from a stub.
var (
	errChecksum = errors.New("bad checksum")
	errLength   = fmt.Errorf("a packet of more than %d bytes", maxPacket)
	errRun      = errors.New("bad run length")
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

// packet reads to the checksum. A new $ before it begins anew.
func (s *scanner) packet(kind byte) (element, error) {
	e := element{kind: kind}
	var raw []byte
	sum := byte(0)
	for {
		c, err := s.byte()
		if err != nil {
			return e, err
		}
		if c == '#' {
			break
		}
		if c == '$' {
			raw, sum = raw[:0], 0
			continue
		}
		if len(raw) >= maxPacket {
			return e, errLength
		}
		raw, sum = append(raw, c), sum+c
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

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// unhexBytes decodes pairs of digits into dst and gives the number of bytes. What
// is no pair of digits ends it.
func unhexBytes(dst []byte, s []byte) int {
	n := 0
	for ; n < len(dst) && 2*n+1 < len(s); n++ {
		hi, ok := unhex(s[2*n])
		lo, ok2 := unhex(s[2*n+1])
		if !ok || !ok2 {
			break
		}
		dst[n] = hi<<4 | lo
	}
	return n
}
