// Package linuxdump opens files with the memory of a whole machine.
package linuxdump
