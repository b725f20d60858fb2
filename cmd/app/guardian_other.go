//go:build !unix

package app

import "syscall"

// apart keeps signals of our terminal from a process, where there are any.
func apart() *syscall.SysProcAttr { return nil }
