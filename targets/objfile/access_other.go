//go:build !unix

package objfile

import "os"

// mayWrite tells whether a file may be written to.
func mayWrite(path string) error {
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return w.Close()
}
