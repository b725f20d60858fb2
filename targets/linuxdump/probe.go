package linuxdump

import "io"

// Probe tells whether a file is a dump that Open takes. It reads headers and notes
// only.
func Probe(r io.ReaderAt, size int64) bool {
	f, err := readELF(r, uint64(max(size, 0)))
	return err == nil && f.ofMachine()
}
