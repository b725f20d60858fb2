package system

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// supplementary makes the way to the file into which dwz moved what f's debug data
// has in common with other files': where f says, absolute or relative to the
// directory f really lies in, then by build-id in the debug directories.
func (fs *Files) supplementary(f *elffile.File) func(path, buildID string) (io.ReaderAt, error) {
	return func(path, buildID string) (io.ReaderAt, error) {
		finder := &elffile.Finder{}
		if fs != nil {
			finder = &fs.Finder
		}
		g := openSupplementary(finder, f.Path, path, buildID)
		if g == nil {
			if g, _ = finder.DebugByID(buildID); g == nil {
				return nil, fmt.Errorf("%s (build-id %s) was not found", path, buildID)
			}
		}
		if fs != nil {
			fs.mu.Lock()
			fs.open = append(fs.open, elffile.NewSet(g, nil))
			fs.mu.Unlock()
		}
		return g.ReaderAt(), nil
	}
}

// openSupplementary opens path, which the debug file beside names; nil if it is
// not there or another file. One of DWARF 5 has no build-id, and its reader checks
// what it has instead.
func openSupplementary(finder *elffile.Finder, beside, path, buildID string) *elffile.File {
	var tries []string
	switch {
	case !filepath.IsAbs(path):
		real, err := filepath.EvalSymlinks(beside)
		if err != nil {
			real = beside
		}
		tries = []string{filepath.Join(filepath.Dir(real), path)}
	case finder.Sysroot != "":
		tries = []string{filepath.Join(finder.Sysroot, path), path}
	default:
		tries = []string{path}
	}
	for _, try := range tries {
		g, err := elffile.Open(try)
		if err != nil {
			continue
		}
		if id := g.BuildID(); id == buildID || id == "" {
			return g
		}
		g.Close()
	}
	return nil
}
