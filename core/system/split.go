package system

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// byPath reads a file that is opened for each read: a program may have thousands
// of .dwo files, more than a process may have open.
type byPath string

func (p byPath) ReadAt(b []byte, off int64) (int, error) {
	f, err := os.Open(string(p))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(b, off)
}

// isELF tells whether path is a regular file that begins as ELF files do.
func isELF(path string) bool {
	f, err := elffile.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// splitFile makes the way to the .dwo files of the program f, or of the program
// whose debug file f is: where the compiler put them, under the sysroot and here,
// then beside each of beside.
func (fs *Files) splitFile(beside []string) func(dwarf.DwoName) (io.ReaderAt, error) {
	return func(q dwarf.DwoName) (io.ReaderAt, error) {
		var tries []string
		path := q.Name
		if !filepath.IsAbs(path) {
			path = filepath.Join(q.CompDir, path)
		}
		if filepath.IsAbs(path) {
			if fs != nil && fs.Finder.Sysroot != "" {
				tries = append(tries, filepath.Join(fs.Finder.Sysroot, path))
			}
			tries = append(tries, path)
		}
		for _, b := range beside {
			if dir := filepath.Dir(b); b != "" {
				if !filepath.IsAbs(q.Name) {
					tries = append(tries, filepath.Join(dir, q.Name))
				}
				tries = append(tries, filepath.Join(dir, filepath.Base(q.Name)))
			}
		}
		for _, try := range tries {
			if isELF(try) {
				return byPath(try), nil
			}
		}
		return nil, errors.New("not found")
	}
}

// packageFile makes the way to the .dwp package beside each of beside; nil if there
// is none.
func packageFile(beside []string) func() (io.ReaderAt, error) {
	return func() (io.ReaderAt, error) {
		for _, b := range beside {
			if p := b + ".dwp"; b != "" && isELF(p) {
				return byPath(p), nil
			}
		}
		return nil, nil
	}
}
