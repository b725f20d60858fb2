package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// read reads an object of a layout's size.
func read[L any](v *kernel.View, typ string, addr uint64, size func(*L) uint64) (*L, []byte, error) {
	l, err := kernel.Lay[L](v, typ)
	if err != nil {
		return nil, nil, err
	}
	if addr == 0 {
		return nil, nil, fmt.Errorf("there is no %s: the pointer to it is null", typ)
	}
	b, err := v.Bytes(addr, size(l), nil)
	if err != nil {
		return nil, nil, kernel.BadRead(typ, addr, err)
	}
	return l, b, nil
}

// element is the field of the element at index i of an array whose first element is
// size bytes.
func element(f kernel.Field, size uint64, i int) kernel.Field {
	return kernel.Field{Off: f.Off + uint64(i)*size, Size: size}
}

// safe is a name of the dump's as it can be shown: what is not printable is escaped.
func safe(name string) string { return out.EscapeC([]byte(name)) }

// known and unknown make Values.
func known(v uint64, where string) Value { return Value{V: v, Known: true, Where: where} }
func unknown(why string) Value           { return Value{Where: why} }
