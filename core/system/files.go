package system

import (
	"fmt"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// Files finds the files that were mapped into a process and keeps them open.
type Files struct {
	Finder elffile.Finder
	// DWARF is how debug data is opened: its cache, context and progress.
	DWARF dwarf.Options
	// Foreign tells that what was mapped is another system's: no file of this host
	// is it.
	Foreign bool

	mu       sync.Mutex
	found    map[fileKey]*Found
	override map[string]string
	open     []*elffile.Set
}

type fileKey struct{ path, buildID string }

// Found is the answer to a search for a file.
type Found struct {
	Set      *elffile.Set // nil: there is none
	BuildID  string       // of the file found, hex
	Verified bool         // its build-id is the one wanted
	Given    bool         // the file was named by the user
	// DebugOnly tells that Set has nothing but the debug file: symbols and debug
	// data, no code or data.
	DebugOnly bool
	Missing   []elffile.Missing // files refused, or the one not found
}

// NewFiles makes a finder of files. debugDirs replace /usr/lib/debug.
func NewFiles(sysroot string, debugDirs ...string) *Files {
	return &Files{
		Finder: elffile.Finder{Sysroot: sysroot, DebugDirs: debugDirs},
		found:  map[fileKey]*Found{}, override: map[string]string{},
	}
}

// Override makes file the answer for the path a target names: the program given
// on the command line. Such a file is taken even if its build-id is another; the
// difference is in Found.Missing and it is not Verified.
func (fs *Files) Override(path, file string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.override[path] = file
}

// deletedSuffix is what the kernel adds to the path of a file without a name.
const deletedSuffix = " (deleted)"

// Get finds the file that was mapped as path and has the given build-id; "" if
// it is not known.
func (fs *Files) Get(path, buildID string) *Found {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	key := fileKey{path, buildID}
	if f := fs.found[key]; f != nil {
		return f
	}
	if fs.Foreign {
		return &Found{}
	}
	f := fs.search(path, buildID)
	fs.found[key] = f
	if f.Set != nil {
		fs.open = append(fs.open, f.Set)
	}
	return f
}

func (fs *Files) search(path, buildID string) *Found {
	if file, ok := fs.override[path]; ok {
		return fs.given(file, buildID)
	}
	name := strings.TrimSuffix(path, deletedSuffix)
	f, missing := fs.Finder.Open(name, buildID)
	if f == nil {
		if len(missing) == 0 {
			missing = []elffile.Missing{{What: "file", Path: name, BuildID: buildID, Err: fmt.Errorf("not found")}}
		}
		found := &Found{Missing: missing}
		if buildID == "" {
			return found
		}
		d, refused := fs.Finder.DebugByID(buildID)
		if d != nil {
			found.Set, found.BuildID, found.Verified, found.DebugOnly = elffile.NewSet(d, nil), buildID, true, true
		}
		found.Missing = append(found.Missing, refused...)
		return found
	}
	id := f.BuildID()
	return &Found{Set: elffile.NewSet(f, &fs.Finder), BuildID: id, Verified: buildID != "" && id == buildID}
}

func (fs *Files) given(file, buildID string) *Found {
	f, err := elffile.Open(file)
	if err != nil {
		return &Found{Given: true, Missing: []elffile.Missing{{What: "file", Path: file, BuildID: buildID, Err: err}}}
	}
	id := f.BuildID()
	found := &Found{Given: true, Set: elffile.NewSet(f, &fs.Finder), BuildID: id, Verified: buildID != "" && id == buildID}
	if buildID != "" && id != buildID {
		is := "it is " + id
		if id == "" {
			is = "it has none"
		}
		found.Missing = []elffile.Missing{{What: "file", Path: file, BuildID: buildID, Err: fmt.Errorf("%w: %s", elffile.ErrMismatch, is)}}
	}
	return found
}

// Close closes every file.
func (fs *Files) Close() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, s := range fs.open {
		s.Close()
	}
	fs.open, fs.found = nil, map[fileKey]*Found{}
	return nil
}
