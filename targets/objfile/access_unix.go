//go:build unix

package objfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// mayWrite tells whether a file may be written to, without opening it: Linux neither
// runs a program that is open for writing nor opens one so that runs.
func mayWrite(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}
