package golang

import "testing"

// BenchmarkGoroutines lists the goroutines of a core, with the function each is in.
func BenchmarkGoroutines(b *testing.B) {
	s := open(b, "go/crash")
	for _, cmd := range []string{"::goroutines", "::goroutines -u", "::gostacks"} {
		b.Run(cmd[2:], func(b *testing.B) {
			for b.Loop() {
				s.run(cmd)
			}
		})
	}
}
