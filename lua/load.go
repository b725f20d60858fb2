package lua

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// shipped are the Lua modules in the binary.
//
//go:embed modules/*.lua
var shipped embed.FS

// Load makes a module of a Lua source file and runs its top level, which declares
// what the module has. file is what messages call it; the module's name is its
// base name unless mdb.module says otherwise. The caller registers the module with
// Session.Load. An error has the file and the line in it.
func Load(s *core.Session, file string, src []byte) (m *core.Module, err error) {
	base := file[strings.LastIndexAny(file, `/\`)+1:]
	st := newState(s, base)
	st.m = &core.Module{Name: strings.TrimSuffix(base, ".lua"), Path: file}
	defer func() {
		if r := recover(); r != nil { // a fault of the parser or the compiler
			m, err = nil, fmt.Errorf("%s: internal error: %v", base, r)
		}
	}()
	if err := st.runChunk(src); err != nil {
		st.close()
		return nil, err
	}
	st.loaded = true
	if st.m.Descr == "" {
		st.m.Descr = "Lua module " + base
	}
	st.m.Init = func(*core.Session) error {
		for _, f := range st.atInit {
			f()
		}
		return nil
	}
	st.m.Fini = func(*core.Session) { st.close() }
	return st.m, nil
}

// Source is a module that the program brings along.
type Source struct {
	File string // "sample.lua"
	Text []byte
}

// Finder finds Lua modules for ::load: a path, or a name with or without ".lua"
// that is looked for in the given directories (nil: those of -L), then in the
// user's, then among extra and in the binary. nil without an error means there is
// none.
func Finder(s *core.Session, path []string, extra ...Source) func(name string) (*core.Module, error) {
	return func(name string) (*core.Module, error) {
		if name == "" {
			return nil, nil
		}
		dirs := path
		if dirs == nil {
			dirs = s.ModulePath()
		}
		file, src, err := find(name, dirs)
		if err == nil && src == nil {
			file, src = bundled(name, extra)
		}
		if err != nil || src == nil {
			return nil, err
		}
		return Load(s, file, src)
	}
}

// bundled finds a module in the program.
func bundled(name string, extra []Source) (file string, src []byte) {
	file = strings.TrimSuffix(name, ".lua") + ".lua"
	for _, e := range extra {
		if e.File == file {
			return file, e.Text
		}
	}
	if strings.ContainsAny(name, `/\`) {
		return file, nil
	}
	return file, shippedSource(file)
}

// find gives the source of a module and what its file is called.
func find(name string, path []string) (file string, src []byte, err error) {
	withExt := name
	if !strings.HasSuffix(name, ".lua") {
		withExt += ".lua"
	}
	isPath := strings.ContainsAny(name, `/\`)
	var candidates []string
	if name == withExt || isPath {
		candidates = []string{name, withExt} // a file of this name in the current directory
	}
	if !isPath {
		for _, dir := range append(append([]string(nil), path...), userDirs()...) {
			candidates = append(candidates, filepath.Join(dir, withExt))
		}
	}
	for _, f := range candidates {
		src, err := readSource(f)
		switch {
		case err == nil:
			return f, src, nil
		case !errors.Is(err, fs.ErrNotExist):
			return f, nil, fmt.Errorf("failed to load %s: %s", f, core.Reason(err))
		}
	}
	return "", nil, nil
}

// readSource reads a file that is a regular one and not too long to be a module.
func readSource(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case st.IsDir():
		return nil, fs.ErrNotExist
	case !st.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	src, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if src == nil {
		src = []byte{}
	}
	return src, err
}

// userDirs are the user's own directories of modules.
func userDirs() []string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return []string{filepath.Join(dir, "xmdb", "modules")}
	}
	if home, err := os.UserHomeDir(); err == nil {
		return []string{filepath.Join(home, ".local", "share", "xmdb", "modules")}
	}
	return nil
}

// shippedSource is a module in the binary; nil if there is none of the name.
func shippedSource(file string) []byte {
	src, err := shipped.ReadFile("modules/" + file)
	if err != nil {
		return nil
	}
	return src
}

// Shipped names the Lua modules in the binary.
func Shipped() []string {
	entries, err := shipped.ReadDir("modules")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".lua"))
	}
	sort.Strings(names)
	return names
}

// Modules loads the Lua modules in the binary, for Session.Available: each
// activates by what it says of itself.
func Modules(s *core.Session) ([]*core.Module, error) {
	var all []*core.Module
	for _, n := range Shipped() {
		m, err := Load(s, n+".lua", shippedSource(n+".lua"))
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
	return all, nil
}
