//go:build unix

package app

import "syscall"

// apart keeps signals of our terminal and process group from a process.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
