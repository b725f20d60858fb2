//go:build linux || darwin || freebsd

package illumosdump

import (
	"errors"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes a user may still write in a directory.
func freeSpace(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(max(int64(s.Bavail), 0)) * uint64(s.Bsize), true
}

// isNoSpace tells whether an error is that of a full disk or quota.
func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
