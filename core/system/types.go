package system

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
)

// OpenTypes opens the types of a load object: CTF in the file.
func OpenTypes(in *Info) (ctype.Scope, error) {
	set := in.Set()
	if set == nil {
		return nil, errNoTypes
	}
	c, err := ctf.FromELF(set.File.File, in.Object.Name)
	switch {
	case err == nil:
		return c, nil
	case !errors.Is(err, ctf.ErrNoCTF):
		return nil, fmt.Errorf("read CTF of %s: %w", set.File.Path, err)
	}
	return nil, errNoTypes
}
