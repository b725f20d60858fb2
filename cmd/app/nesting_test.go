package app

import (
	"io"
	"testing"

	"github.com/xmdb/xmdb/core"
)

// TestPromptNamesGuests checks what stands before the prompt inside of guests.
func TestPromptNamesGuests(t *testing.T) {
	s := core.NewSession("xmdb", io.Discard, io.Discard)
	p := &prompter{s: s}
	want := func(text string) {
		t.Helper()
		if got := p.text(); got != text {
			t.Errorf("prompt %q, want %q", got, text)
		}
	}
	want("> ")
	s.Push(&core.Context{Name: "web"})
	want("[web]> ")
	s.Push(&core.Context{}) // a process of the guest's kernel
	s.Push(&core.Context{Name: "inner"})
	want("[web > inner]> ")
	s.Pop()
	s.Pop()
	want("[web]> ")
}
