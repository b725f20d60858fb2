package elffile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// ErrMismatch is the reason a file was not taken: it is not the one wanted.
var ErrMismatch = errors.New("build-id differs")

// Finder looks for files on this host.
type Finder struct {
	Sysroot   string   // -R: looked into before the host's own root
	DebugDirs []string // in place of /usr/lib/debug
	// Remote, if set, gives the path of a file by its build-id when nothing else
	// does: what is RemoteDebug or RemoteFile. An error that is
	// fs.ErrNotExist is not told to the user.
	Remote func(what, buildID string) (path string, err error)
}

// What a Finder asks of its Remote.
const (
	RemoteDebug = "debuginfo"
	RemoteFile  = "executable"
)

// defaultDebugDir is where distributions install separate debug files.
const defaultDebugDir = "/usr/lib/debug"

// Missing is a file that was wanted and not found, or found and refused.
type Missing struct {
	What    string // "file", "debug file"
	Path    string // as wanted; for a refused file, the path that was tried
	BuildID string // wanted, hex; "" if not known
	Err     error
}

// Error words it for a warning.
func (m Missing) Error() string {
	s := m.What + " " + m.Path
	if m.BuildID != "" {
		s += " (build-id " + m.BuildID + ")"
	}
	return fmt.Sprintf("%s: %v", s, m.Err)
}

// roots are the directories an absolute path is looked for under.
func (fd *Finder) roots() []string {
	if fd.Sysroot == "" || filepath.Clean(fd.Sysroot) == "/" {
		return []string{""}
	}
	return []string{filepath.Clean(fd.Sysroot), ""}
}

func (fd *Finder) debugDirs() []string {
	dirs := fd.DebugDirs
	if len(dirs) == 0 {
		dirs = []string{defaultDebugDir}
	}
	var out []string
	for _, r := range fd.roots() {
		for _, d := range dirs {
			out = append(out, inRoot(r, d))
		}
	}
	return out
}

// Open finds a file that a target names by an absolute path: under the sysroot,
// then on the host, then by its build-id. A file whose build-id is not the one
// wanted ("" wants any) is refused; refused reports each.
func (fd *Finder) Open(name, buildID string) (f *File, refused []Missing) {
	try := func(p string) *File {
		f, err := Open(p)
		if err != nil {
			if !errors.Is(err, ErrNotELF) {
				return nil
			}
			refused = append(refused, Missing{"file", p, buildID, err})
			return nil
		}
		if id := f.BuildID(); buildID != "" && id != buildID {
			f.Close()
			refused = append(refused, Missing{"file", p, buildID, fmt.Errorf("%w: it is %s", ErrMismatch, orNone(id))})
			return nil
		}
		return f
	}
	if path.IsAbs(name) || filepath.IsAbs(name) {
		for _, r := range fd.roots() {
			if f := try(inRoot(r, filepath.FromSlash(name))); f != nil {
				return f, refused
			}
		}
	}
	if buildID != "" {
		for _, d := range fd.debugDirs() {
			if f := try(buildIDPath(d, buildID, "")); f != nil {
				return f, refused
			}
		}
	}
	if g, why := fd.remote(RemoteFile, "file", name, buildID); g != nil || why != nil {
		return g, append(refused, why...)
	}
	return nil, refused
}

// remote asks the Remote; nil and nil if it has not the file.
func (fd *Finder) remote(kind, what, name, buildID string) (*File, []Missing) {
	if fd.Remote == nil || buildID == "" {
		return nil, nil
	}
	p, err := fd.Remote(kind, buildID)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, []Missing{{what, name, buildID, err}}
	}
	g, err := Open(p)
	if err != nil {
		return nil, []Missing{{what, p, buildID, err}}
	}
	if id := g.BuildID(); id != buildID {
		g.Close()
		return nil, []Missing{{what, p, buildID, fmt.Errorf("%w: it is %s", ErrMismatch, orNone(id))}}
	}
	return g, nil
}

func orNone(id string) string {
	if id == "" {
		return "without one"
	}
	return id
}

// buildIDPath is DIR/.build-id/xx/yyyy... with a suffix.
func buildIDPath(dir, id, suffix string) string {
	if len(id) < 4 {
		return filepath.Join(dir, ".build-id", "none")
	}
	return filepath.Join(dir, ".build-id", id[:2], id[2:]+suffix)
}

// DebugByID finds a debug file by its build-id alone, for a file that is not
// here: in the debug directories, then by Remote; nil if there is none.
func (fd *Finder) DebugByID(id string) (*File, []Missing) {
	g, refused := fd.debugInDirs(id)
	if g != nil {
		return g, nil
	}
	g, why := fd.remote(RemoteDebug, "debug file", buildIDPath("", id, ".debug"), id)
	return g, append(refused, why...)
}

// debugInDirs looks into the debug directories and then into those in beside.
func (fd *Finder) debugInDirs(id string, beside ...string) (*File, []Missing) {
	var refused []Missing
	for _, d := range append(fd.debugDirs(), beside...) {
		p := buildIDPath(d, id, ".debug")
		g, err := Open(p)
		if err != nil {
			continue
		}
		if got := g.BuildID(); got != id {
			g.Close()
			refused = append(refused, Missing{"debug file", p, id, fmt.Errorf("%w: it is %s", ErrMismatch, orNone(got))})
			continue
		}
		return g, nil
	}
	return nil, refused
}

// Separate finds the file that holds the debug data and symbols stripped from f:
// by its build-id, then by its .gnu_debuglink, then by Remote. nil with no Missing
// means that f names none.
func (fd *Finder) Separate(f *File) (*File, []Missing) {
	g, missing := fd.separateHere(f)
	if g != nil || f.hasDebug() {
		return g, missing
	}
	id := f.BuildID()
	g, why := fd.remote(RemoteDebug, "debug file", buildIDPath("", id, ".debug"), id)
	if g != nil {
		return g, nil
	}
	return nil, append(missing, why...)
}

// hasDebug tells whether nothing was stripped from f.
func (f *File) hasDebug() bool {
	for _, name := range []string{".debug_info", ".zdebug_info", ".SUNW_ctf"} {
		if s := f.Section(name); s != nil && !NoBytes(s) {
			return true
		}
	}
	return false
}

// separateHere is Separate on this host.
func (fd *Finder) separateHere(f *File) (*File, []Missing) {
	var missing []Missing
	id := f.BuildID()
	if id != "" {
		g, refused := fd.debugInDirs(id, besideFile(f)...)
		if g != nil {
			return g, nil
		}
		missing = refused
	}
	name, crc, ok := f.DebugLink()
	if !ok {
		if id != "" && !f.HasSymtab() {
			missing = append(missing, Missing{"debug file", buildIDPath("", id, ".debug"), id, errors.New("not found")})
		}
		return nil, missing
	}
	for _, p := range fd.linkPaths(f, name) {
		g, err := Open(p)
		if err != nil {
			continue
		}
		if err := g.answersLink(id, crc); err != nil {
			g.Close()
			missing = append(missing, Missing{"debug file", p, id, err})
			continue
		}
		return g, nil
	}
	if len(missing) == 0 {
		missing = append(missing, Missing{"debug file", name, id, errors.New("not found")})
	}
	return nil, missing
}

// besideFile are the directories by a file that may hold a .build-id directory.
func besideFile(f *File) []string {
	if f.Path == "" {
		return nil
	}
	dir := filepath.Dir(f.Path)
	return []string{dir, filepath.Join(dir, ".debug")}
}

// linkPaths are the places GDB's manual gives for the file a debuglink names.
func (fd *Finder) linkPaths(f *File, name string) []string {
	if f.Path == "" {
		return nil
	}
	dir, err := filepath.Abs(filepath.Dir(f.Path))
	if err != nil {
		dir = filepath.Dir(f.Path)
	}
	out := []string{filepath.Join(dir, name), filepath.Join(dir, ".debug", name)}
	bare := dir
	if fd.Sysroot != "" {
		if rel, err := filepath.Rel(fd.Sysroot, dir); err == nil && !strings.HasPrefix(rel, "..") {
			bare = "/" + rel
		}
	}
	for _, d := range fd.debugDirs() {
		out = append(out, filepath.Join(d, bare, name))
	}
	return out
}

// answersLink tells whether g is the file a debuglink means: the same build-id
// or, where either has none, the CRC.
func (g *File) answersLink(id string, crc uint32) error {
	if got := g.BuildID(); id != "" && got != "" {
		if got != id {
			return fmt.Errorf("%w: it is %s", ErrMismatch, got)
		}
		return nil
	}
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(g.r, 0, g.Size)); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if h.Sum32() != crc {
		return fmt.Errorf("CRC %#x differs from the one wanted, %#x", h.Sum32(), crc)
	}
	return nil
}

// DebugLink gives the base name and CRC-32 in .gnu_debuglink.
func (f *File) DebugLink() (name string, crc uint32, ok bool) {
	b, err := f.SectionData(".gnu_debuglink")
	if err != nil {
		return "", 0, false
	}
	return parseDebugLink(b, f.ByteOrder)
}

func parseDebugLink(b []byte, order binary.ByteOrder) (name string, crc uint32, ok bool) {
	end := bytes.IndexByte(b, 0)
	if end <= 0 {
		return "", 0, false
	}
	at := padTo(end+1, 4)
	if at+4 > len(b) {
		return "", 0, false
	}
	name = string(b[:end])
	// Only a base name is honoured: a link must not lead out of its directories.
	if strings.ContainsAny(name, "/\\") || name == "." || name == ".." {
		return "", 0, false
	}
	return name, order.Uint32(b[at:]), true
}

// Mini opens the ELF file in .gnu_debugdata; nil if there is none.
func (f *File) Mini() (*File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.miniDone {
		return f.mini, f.miniErr
	}
	f.miniDone = true
	b, err := f.SectionData(".gnu_debugdata")
	if err != nil {
		if !errors.Is(err, ErrNoSection) {
			f.miniErr = err
		}
		return nil, f.miniErr
	}
	f.mini, f.miniErr = openMini(b)
	return f.mini, f.miniErr
}

func openMini(b []byte) (*File, error) {
	zr, err := (xz.ReaderConfig{DictCap: 1 << 16, SingleStream: true}).NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("open .gnu_debugdata: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(zr, maxMiniDebug+1))
	if err != nil {
		return nil, fmt.Errorf("decompress .gnu_debugdata: %w", err)
	}
	if len(out) > maxMiniDebug {
		return nil, fmt.Errorf("decompress .gnu_debugdata: more than %d bytes", maxMiniDebug)
	}
	f, err := New(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		return nil, fmt.Errorf("open .gnu_debugdata: %w", err)
	}
	return f, nil
}
