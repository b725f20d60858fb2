package system

import "testing"

func TestLinuxCall(t *testing.T) {
	for nr, name := range map[int]string{0: "read", 2: "open", 59: "execve", 202: "futex", 257: "openat", 334: "rseq", 435: "clone3"} {
		if got := LinuxCall(nr); got != name {
			t.Errorf("system call %d is %q, want %q", nr, got, name)
		}
		if got, ok := LinuxCallNumber(name); !ok || got != nr {
			t.Errorf("number of %s = %d %v, want %d", name, got, ok, nr)
		}
	}
	for _, nr := range []int{-1, 335, 400, 1 << 20} {
		if got := LinuxCall(nr); got != "" {
			t.Errorf("system call %d is %q", nr, got)
		}
	}
	if _, ok := LinuxCallNumber(""); ok {
		t.Error("a system call without a name")
	}
}
