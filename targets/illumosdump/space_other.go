//go:build !linux && !darwin && !freebsd

package illumosdump

import (
	"errors"
	"syscall"
)

// freeSpace is not known here.
func freeSpace(string) (uint64, bool) { return 0, false }

// isNoSpace tells whether an error is that of a full disk.
func isNoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
