package core

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/xmdb/xmdb/core/mem"
)

// Reasons of failure that belong to no package below, in MDB's words.
var (
	ErrNotSup = errors.New("operation not supported by target")
	ErrNoProc = errors.New("no process active")
	ErrNoDcmd = errors.New("unknown dcmd name")
	ErrNoWalk = errors.New("unknown walk name")
	ErrNoMod  = errors.New("specified module is not loaded")

	ErrWalkAddr   = errors.New("walker does not accept starting address")
	ErrWalkNoAddr = errors.New("walker requires starting address")
	ErrWalkInit   = errors.New("failed to initialize walk")
)

// Reason words the innermost cause of an error as MDB does: the reason of a
// failed read without its address, a system error as strerror(3) has it.
func Reason(err error) string {
	err = mem.Reason(err)
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		text := no.Error() // Go begins it in lower case
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return err.Error()
}
