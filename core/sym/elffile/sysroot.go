package elffile

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds the symbolic links followed for one path.
const maxLinks = 40

// inRoot gives the path on this host of an absolute path in the tree below root,
// following symbolic links as if root were "/": an absolute one stays in the
// tree, and ".." does not leave it. A path that does not exist is given as far as
// it can be told.
func inRoot(root, path string) string {
	if root == "" {
		return path
	}
	rest := strings.Split(filepath.ToSlash(path), "/")
	var done []string // components below root, without links
	for links := 0; len(rest) > 0; {
		c := rest[0]
		rest = rest[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			done = done[:max(len(done)-1, 0)]
			continue
		}
		done = append(done, c)
		to, err := os.Readlink(filepath.Join(root, filepath.Join(done...)))
		if err != nil {
			continue // no link, or nothing there
		}
		if links++; links > maxLinks {
			break
		}
		done = done[:len(done)-1]
		if filepath.IsAbs(to) || strings.HasPrefix(to, "/") {
			done = done[:0]
		}
		rest = append(strings.Split(filepath.ToSlash(to), "/"), rest...)
	}
	return filepath.Join(root, filepath.Join(done...))
}
