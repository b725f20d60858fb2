package linuxdump

import "errors"

var errLZO = errors.New("bad LZO data")

// unlzo decompresses LZO1X data that must fill dst exactly and end there.
//
// Source of the format: Linux, Documentation/staging/lzo.rst. A byte tells a copy of
// earlier output (how long, and from how far back) or a run of literals; its low two
// bits, or those of the distance, tell how many literals follow a copy, up to three.
// What bytes below 16 mean depends on the literals copied last.
func unlzo(dst, src []byte) error {
	d := lzoDecoder{dst: dst, src: src}
	if len(src) > 0 && src[0] > 17 {
		d.in = 1
		n := int(src[0]) - 17
		if !d.literals(n) {
			return errLZO
		}
		d.state = min(n, 4)
	}
	for {
		end, ok := d.step()
		switch {
		case !ok:
			return errLZO
		case end && d.out == len(dst) && d.in == len(src):
			return nil
		case end:
			return errLZO
		}
	}
}

type lzoDecoder struct {
	dst, src []byte
	out, in  int
	state    int // literals copied last; 4 for more
}

// step carries out one instruction; end tells that it was the last.
func (d *lzoDecoder) step() (end, ok bool) {
	if d.in >= len(d.src) {
		return false, false
	}
	b := int(d.src[d.in])
	d.in++
	var length, distance, after int
	switch {
	case b < 16 && d.state == 0:
		n, ok := d.length(b, 15)
		d.state = 4
		return false, ok && d.literals(n+3)
	case b < 16 || b >= 64:
		if d.in >= len(d.src) {
			return false, false
		}
		h := int(d.src[d.in])
		d.in++
		switch after = b & 3; {
		case b >= 128:
			length, distance = 5+b>>5&3, h<<3+b>>2&7+1
		case b >= 64:
			length, distance = 3+b>>5&1, h<<3+b>>2&7+1
		case d.state == 4:
			length, distance = 3, h<<2+b>>2+2049
		default:
			length, distance = 2, h<<2+b>>2+1
		}
	default:
		mask, far := 31, 1
		if b < 32 {
			mask, far = 7, 16384+b>>3&1<<14
		}
		n, ok := d.length(b&mask, mask)
		if !ok || d.in+2 > len(d.src) {
			return false, false
		}
		w := int(le.Uint16(d.src[d.in:]))
		d.in += 2
		length, distance, after = n+2, far+w>>2, w&3
		if b < 32 && distance == 16384 {
			return true, true
		}
	}
	d.state = after
	return false, d.copy(length, distance) && d.literals(after)
}

// length gives a length of an instruction: v, or if that is 0 what bytes of zero and
// the one after them add to most.
func (d *lzoDecoder) length(v, most int) (int, bool) {
	if v != 0 {
		return v, true
	}
	for v = most; d.in < len(d.src); v += 255 {
		b := int(d.src[d.in])
		d.in++
		if b != 0 {
			return v + b, true
		}
	}
	return 0, false
}

func (d *lzoDecoder) literals(n int) bool {
	if n > len(d.src)-d.in || n > len(d.dst)-d.out {
		return false
	}
	copy(d.dst[d.out:], d.src[d.in:d.in+n])
	d.out += n
	d.in += n
	return true
}

// copy repeats n bytes of the output from distance back; they may overlap.
func (d *lzoDecoder) copy(n, distance int) bool {
	if distance > d.out || n > len(d.dst)-d.out {
		return false
	}
	from := d.out - distance
	if distance >= n {
		copy(d.dst[d.out:d.out+n], d.dst[from:])
	} else {
		for i := range n {
			d.dst[d.out+i] = d.dst[from+i]
		}
	}
	d.out += n
	return true
}
