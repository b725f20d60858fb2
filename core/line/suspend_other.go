//go:build !unix

package line

// SuspendJob does nothing where there is no job control.
func SuspendJob() {}
