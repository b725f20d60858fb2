//go:build unix

package line

import "syscall"

// SuspendJob stops every process of the job, as Ctrl-Z at a terminal does.
func SuspendJob() { syscall.Kill(0, syscall.SIGTSTP) }
