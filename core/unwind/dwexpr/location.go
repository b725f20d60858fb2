package dwexpr

import "fmt"

// Kind is the kind of a Location.
type Kind uint8

// Kinds of location.
const (
	OptimisedOut    Kind = iota // nowhere
	Memory                      // at Addr
	Register                    // in register Reg
	Literal                     // no storage: its value is Value (DW_OP_stack_value)
	Implicit                    // no storage: its bytes are Bytes (DW_OP_implicit_value)
	ImplicitPointer             // a pointer to an object that itself has no storage
	Composite                   // in Pieces
)

func (k Kind) String() string {
	names := [...]string{"optimised out", "memory", "register", "literal", "implicit", "implicit pointer", "composite"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Location says where an object is.
type Location struct {
	Kind  Kind
	Addr  uint64 // Memory: VA, biased
	Reg   uint64 // Register: DWARF number
	Value Value  // Literal
	Bytes []byte // Implicit, in memory order; aliases the expression
	// ImplicitPointer: the DIE of the object pointed to, by offset from the start
	// of .debug_info, and the byte offset into it.
	Ref    uint64
	Offset int64
	Pieces []Piece // Composite, in the object's memory order
	Uninit bool    // marked DW_OP_GNU_uninit: not yet initialised
}

// Piece is a part of a composite. Its BitSize bits start BitOffset bits into the
// place that At names: from the place's least significant bit in a register or
// literal on a little-endian machine, from the first byte in memory.
type Piece struct {
	At        Location
	BitSize   uint64
	BitOffset uint64
}

// FrameBase interprets the location that DW_AT_frame_base gives: a register
// stands for its contents, memory for its address.
func (l Location) FrameBase(env *Env) (uint64, error) {
	switch l.Kind {
	case Register:
		return env.reg(l.Reg)
	case Memory:
		return l.Addr, nil
	case Literal:
		return l.Value.Lo, nil
	case OptimisedOut:
		return 0, ErrOptimisedOut
	}
	return 0, fmt.Errorf("frame base is a %v: %w", l.Kind, ErrMalformed)
}

// Read fetches the first size bytes of the object.
func (l Location) Read(env *Env, size int) ([]byte, error) {
	if size < 0 {
		return nil, fmt.Errorf("read location: size %d: %w", size, ErrMalformed)
	}
	return l.ReadBits(env, 0, uint64(size)*8)
}

// maxReadBits bounds what one ReadBits may fetch: 16 MB. maxBits bounds offsets
// and sizes of pieces, so that sums of a few of them cannot overflow.
const (
	maxReadBits = 1 << 27
	maxBits     = 1 << 48
)

// ReadBits fetches nbits bits of the object from bit offset on, as an object of
// that many bits would lie in memory: little-endian bits fill bytes from the
// least significant bit, big-endian ones from the most significant; the bits of
// the last byte that are beyond nbits are zero. Parts that are nowhere give
// ErrOptimisedOut, so that a struct's members can be read one by one.
func (l Location) ReadBits(env *Env, offset, nbits uint64) ([]byte, error) {
	if err := env.check(); err != nil {
		return nil, err
	}
	if nbits > maxReadBits || offset > maxBits {
		return nil, fmt.Errorf("read %d bits: %w", nbits, ErrLimit)
	}
	out := make([]byte, (nbits+7)/8)
	if err := l.readInto(env, bitString{out, env.big()}, 0, offset, nbits); err != nil {
		return nil, err
	}
	return out, nil
}

// readInto copies n bits of the object from bit offset from into dst at bit at.
func (l Location) readInto(env *Env, dst bitString, at, from, n uint64) error {
	if n == 0 {
		return nil
	}
	switch l.Kind {
	case Memory:
		first, last := from/8, (from+n-1)/8
		buf := make([]byte, last-first+1)
		if err := env.readMemory(buf, l.Addr+first); err != nil {
			return err
		}
		dst.copy(at, bitString{buf, env.big()}, from%8, n)
		return nil
	case Register:
		buf, err := env.regBytes(l.Reg)
		if err != nil {
			return err
		}
		return copyPlace(env, dst, at, buf, from, n)
	case Literal:
		return copyPlace(env, dst, at, l.Value.bytes(env), from, n)
	case Implicit:
		if from+n > uint64(len(l.Bytes))*8 {
			return fmt.Errorf("implicit value of %d bytes is too short: %w", len(l.Bytes), ErrMalformed)
		}
		dst.copy(at, bitString{l.Bytes, env.big()}, from, n)
		return nil
	case ImplicitPointer:
		return fmt.Errorf("implicit pointer: %w", ErrOptimisedOut)
	case Composite:
		return l.readPieces(env, dst, at, from, n)
	}
	return ErrOptimisedOut
}

// copyPlace copies from a register or literal. An object narrower than its place
// lies in the place's least significant end, which on a big-endian machine is at
// the end of its bytes.
func copyPlace(env *Env, dst bitString, at uint64, place []byte, from, n uint64) error {
	have := uint64(len(place)) * 8
	if from+n > have {
		return fmt.Errorf("object of %d bits in a place of %d: %w", from+n, have, ErrMalformed)
	}
	if env.big() {
		from = have - from - n
	}
	dst.copy(at, bitString{place, env.big()}, from, n)
	return nil
}

func (l Location) readPieces(env *Env, dst bitString, at, from, n uint64) error {
	for _, p := range l.Pieces {
		if from >= p.BitSize {
			from -= p.BitSize
			continue
		}
		take := min(n, p.BitSize-from)
		if err := p.readInto(env, dst, at, from, take); err != nil {
			return err
		}
		at, n, from = at+take, n-take, 0
		if n == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d bits past the last piece: %w", n, ErrOptimisedOut)
}

// readInto copies n bits of the piece from bit from into dst at bit at.
func (p Piece) readInto(env *Env, dst bitString, at, from, n uint64) error {
	switch p.At.Kind {
	case Register, Literal:
		if !env.big() {
			return p.At.readInto(env, dst, at, p.BitOffset+from, n)
		}
		// copyPlace counts from the least significant end; from counts from the
		// most significant bit of the piece.
		return p.At.readInto(env, dst, at, p.BitOffset+p.BitSize-from-n, n)
	}
	return p.At.readInto(env, dst, at, p.BitOffset+from, n)
}

// bitString is a string of bits in bytes, numbered from the least significant bit of
// each byte, or from the most significant if msb.
type bitString struct {
	b   []byte
	msb bool
}

func (d bitString) copy(at uint64, src bitString, from, n uint64) {
	if at%8 == 0 && from%8 == 0 {
		whole := n / 8
		copy(d.b[at/8:at/8+whole], src.b[from/8:])
		at, from, n = at+whole*8, from+whole*8, n%8
	}
	for i := uint64(0); i < n; i++ {
		if src.b[(from+i)/8]>>src.shift(from+i)&1 != 0 {
			d.b[(at+i)/8] |= 1 << d.shift(at+i)
		}
	}
}

func (d bitString) shift(i uint64) uint64 {
	if d.msb {
		return 7 - i%8
	}
	return i % 8
}
