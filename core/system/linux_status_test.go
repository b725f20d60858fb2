package system

import "testing"

func TestPanicText(t *testing.T) {
	for log, want := range map[string]string{
		"":                              "",
		"\x01\x02Linux version\x00\x00": "",
		"xKernel panic - not syncing: VFS: Unable to mount root\x00\x07more":                                                             "VFS: Unable to mount root",
		"Kernel panic - not syncing: sysrq triggered crashAAAA\x01\x00---[ end Kernel panic - not syncing: sysrq triggered crash ]-----": "sysrq triggered crash",
		"Kernel panic - not syncing: ": "",
		"Kernel panic - not syncing: cut\x00---[ end Kernel panic - not syncing: cu": "cut",
	} {
		if got := panicText([]byte(log)); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}
