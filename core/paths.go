package core

import (
	"runtime"
	"strings"
)

// Paths on which macro files and modules are looked for unless -I or -L says
// otherwise.
var (
	DefaultMacroPath  = []string{"%r/usr/platform/%p/lib/adb", "%r/usr/lib/adb"}
	DefaultModulePath = []string{
		"%r/usr/platform/%p/lib/mdb/%t", "%r/usr/lib/mdb/%t",
	}
)

// MacroPath is the list of directories with macro files, tokens expanded.
func (s *Session) MacroPath() []string { return s.expandPath(s.Opts.MacroPath, DefaultMacroPath) }

// ModulePath is the list of directories with modules, tokens expanded.
func (s *Session) ModulePath() []string { return s.expandPath(s.Opts.ModulePath, DefaultModulePath) }

func (s *Session) expandPath(path, std []string) []string {
	if path == nil {
		path = std
	}
	list := make([]string, 0, len(path))
	for _, dir := range path {
		if dir != "" {
			list = append(list, s.expandTokens(dir))
		}
	}
	return list
}

// expandTokens replaces %i (instruction set), %m (machine), %p (platform), %r
// (root, nothing if it is /), %t (kind of target), %R and %V (release and
// version). Any other letter after % is dropped and the % stays.
func (s *Session) expandTokens(dir string) string {
	var b strings.Builder
	for i := 0; i < len(dir); i++ {
		if dir[i] != '%' || i+1 == len(dir) {
			b.WriteByte(dir[i])
			continue
		}
		i++
		b.WriteString(s.pathToken(dir[i]))
	}
	return b.String()
}

func (s *Session) pathToken(c byte) string {
	switch c {
	case 'i':
		return s.Arch().Name
	case 'm', 'p':
		return "i86pc"
	case 'r':
		if s.Opts.Root == "/" {
			return ""
		}
		return s.Opts.Root
	case 't':
		if t := s.Context().Target; t != nil {
			return t.Kind()
		}
		return "proc"
	case 'R':
		return runtime.GOOS
	case 'V':
		if s.Opts.Latest {
			return "latest"
		}
		return runtime.GOARCH
	}
	return "%"
}
