package modtest

import (
	"context"
	"math/rand"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// Spoilt is a machine's dump whose memory is another than in its file: words that are
// given and, if Seed is not zero, one word in each of some blocks: nothing, a small number,
// an address, or anything.
type Spoilt struct {
	*linuxdump.Target
	Words map[uint64]uint64 // by physical address, a multiple of 8
	Seed  int64
}

// Blocks of memory, bytes, of which one in so many has a bad word.
const (
	spoiltBlock = 512
	spoiltOneIn = 24
)

// OpenSpoilt opens a dump that is not spoilt yet: what is found in it on opening is sound.
func OpenSpoilt(t testing.TB, path string, modules ...*core.Module) (*Session, *Spoilt) {
	t.Helper()
	target, err := linuxdump.Open(context.Background(), []string{path}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Spoilt{Target: target, Words: map[uint64]uint64{}}
	return OpenTarget(t, s, modules...), s
}

// Physical implements core.Physical.
func (s *Spoilt) Physical() mem.Space { return spoiltSpace{s.Target.Physical(), s} }

type spoiltSpace struct {
	mem.Space
	s *Spoilt
}

func (s spoiltSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := s.Space.ReadAt(p, a)
	put := func(at, word uint64) {
		for i := range uint64(8) {
			if o := at + i - uint64(a); at+i >= uint64(a) && o < uint64(n) {
				p[o] = byte(word >> (8 * i))
			}
		}
	}
	end := uint64(a) + uint64(n)
	for block := uint64(a) / spoiltBlock; s.s.Seed != 0 && block <= end/spoiltBlock; block++ {
		if at, word, bad := s.s.noise(block); bad {
			put(at, word)
		}
	}
	for at, word := range s.s.Words {
		put(at, word)
	}
	return n, err
}

// noise is the bad word of a block, if it has one.
func (s *Spoilt) noise(block uint64) (at, word uint64, bad bool) {
	r := rand.New(rand.NewSource(s.Seed ^ int64(block)*2654435761))
	if r.Intn(spoiltOneIn) != 0 {
		return 0, 0, false
	}
	at, word = block*spoiltBlock+uint64(r.Intn(spoiltBlock/8))*8, r.Uint64()
	switch r.Intn(4) {
	case 0:
		word = 0
	case 1:
		word = 0xffff888000000000 | word&0xfffffff8
	case 2:
		word &= 0xff
	}
	return at, word, true
}

// Reread makes the session forget what it read.
func (s *Session) Reread() {
	s.Context().System.(system.Refresher).Refresh()
	s.Changed()
}

// patience is how long a command may take in memory that leads anywhere.
const patience = 2 * time.Minute

// Ends runs commands, whatever they say, and fails the test if one does not end.
func (s *Session) Ends(cmds ...string) {
	s.t.Helper()
	for _, cmd := range cmds {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := s.Eval.Eval(ctx, s.Session, cmd)
		s.Out.Flush()
		if ctx.Err() != nil {
			s.t.Errorf("%s: no end after %v: %v", cmd, patience, err)
		}
		cancel()
	}
}
