package system

import (
	"testing"

	"github.com/xmdb/xmdb/core/arch"
)

func TestLinuxCall(t *testing.T) {
	for _, tt := range []struct {
		arch *arch.Arch
		want map[int]string
		none []int
	}{
		{arch.AMD64, map[int]string{0: "read", 2: "open", 59: "execve", 202: "futex", 257: "openat", 334: "rseq", 435: "clone3"}, []int{-1, 335, 400, 1 << 20}},
		{arch.ARM64, map[int]string{0: "io_setup", 56: "openat", 63: "read", 98: "futex", 221: "execve", 293: "rseq", 435: "clone3"}, []int{-1, 244, 300, 1 << 20}},
		{arch.I386, map[int]string{1: "exit", 3: "read", 11: "execve", 120: "clone", 240: "futex", 386: "rseq", 435: "clone3"}, []int{-1, 222, 223, 390, 1 << 20}},
	} {
		for nr, name := range tt.want {
			if got := LinuxCall(tt.arch, nr); got != name {
				t.Errorf("%s: system call %d is %q, want %q", tt.arch.Name, nr, got, name)
			}
			if got, ok := LinuxCallNumber(tt.arch, name); !ok || got != nr {
				t.Errorf("%s: number of %s = %d %v, want %d", tt.arch.Name, name, got, ok, nr)
			}
		}
		for _, nr := range tt.none {
			if got := LinuxCall(tt.arch, nr); got != "" {
				t.Errorf("%s: system call %d is %q", tt.arch.Name, nr, got)
			}
		}
		for _, name := range []string{"", "-"} {
			if _, ok := LinuxCallNumber(tt.arch, name); ok {
				t.Errorf("%s: a system call named %q", tt.arch.Name, name)
			}
		}
	}
}
