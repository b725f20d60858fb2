package dwarf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
)

// This file reads what dwz -m moves out of several programs into one file that
// they share: strings and partial units. A program's section .gnu_debugaltlink
// names it, or in DWARF 5 .debug_sup; attributes of the forms DW_FORM_GNU_strp_alt
// and GNU_ref_alt, strp_sup and ref_sup4 refer to it. It is read as a Data of its
// own, to which the types in it belong.

// ErrSupplementary is returned when a datum lies in another file, to which dwz
// moved it, and that file cannot be had.
var ErrSupplementary = errors.New("debug data lies in a supplementary (dwz) file")

// altState is the supplementary file, once it is opened.
type altState struct {
	once sync.Once
	data *Data
	err  error
}

// hasSupplementary tells whether the file refers to a supplementary one.
func (d *Data) hasSupplementary() bool { return d.im.altPath != "" }

// supplementary gives the supplementary file.
func (d *Data) supplementary() (*Data, error) {
	d.alt.once.Do(func() {
		if d.alt.data, d.alt.err = d.openSupplementary(); d.alt.err != nil {
			d.alt.err = fmt.Errorf("%w: %w", ErrSupplementary, d.alt.err)
		}
	})
	return d.alt.data, d.alt.err
}

func (d *Data) openSupplementary() (*Data, error) {
	path, id := d.im.altPath, d.im.altID
	switch {
	case !d.hasSupplementary():
		return nil, errors.New("the file names none")
	case d.opts.Supplementary == nil:
		return nil, fmt.Errorf("%s was not looked for", path)
	}
	r, err := d.opts.Supplementary(path, id)
	if err != nil {
		return nil, err
	}
	im, err := readImage(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if im.buildID != id && im.supID != id {
		return nil, fmt.Errorf("%s has build-id %q, not %q", path, im.buildID+im.supID, id)
	}
	opts := d.opts
	opts.BuildID, opts.Supplementary = id, nil
	return newData(im, opts), nil
}

// maxAltLink bounds the section .gnu_debugaltlink.
const maxAltLink = 1 << 13

// readAltLink decodes .gnu_debugaltlink: a path and the bytes of a build-id.
func readAltLink(r io.ReaderAt, off, size uint64) (path, id string) {
	if size > maxAltLink {
		return "", ""
	}
	b, err := readRange(r, off, size)
	if err != nil {
		return "", ""
	}
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", ""
	}
	return string(b[:i]), hex.EncodeToString(b[i+1:])
}

// readSup decodes .debug_sup (DWARF 5 section 7.3.6): a version, whether this is a
// supplementary file, the path of one if not, and a checksum that is its identity.
func (im *image) readSup() {
	s := im.sections["sup"]
	if im.altPath != "" || s.length() > maxAltLink {
		return
	}
	b, err := s.whole()
	if err != nil {
		return
	}
	c := cursor{b: b, big: im.big}
	version, is, path := c.u16(), c.u8(), c.cstr()
	id := hex.EncodeToString(c.take(c.uleb()))
	switch {
	case c.err != nil || version != 5:
	case is != 0:
		im.supID = id
	default:
		im.altPath, im.altID = string(path), id
	}
}

// refTo names a DIE as d sees it, whose own name it is in the supplementary file.
func (d *Data) refTo(e die) ref {
	r := e.ref()
	if e.u.d != d {
		r |= inAlt
	}
	return r
}
