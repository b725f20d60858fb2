package x86

import "testing"

func BenchmarkDecode(b *testing.B) {
	rows := loadRows(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := &rows[i%len(rows)]
		Decode(r.mode, r.code, r.pc, nil)
	}
}

func BenchmarkLen(b *testing.B) {
	rows := loadRows(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := &rows[i%len(rows)]
		Len(r.mode, r.code)
	}
}
