package core

import (
	"context"

	"github.com/xmdb/xmdb/core/system"
)

// Attach makes a target the current context's: what runs in it is recognised, and
// its first thread becomes the representative one. The session does not close it.
// An error means that the system in it could not be read to the end; the target is
// attached all the same.
func (s *Session) Attach(ctx context.Context, t Target) error {
	cx := s.Context()
	cx.Target = t
	var err error
	cx.System, err = system.Recognise(ctx, t)
	if th, ok := As[Threads](cx); ok {
		if list := th.Threads(); len(list) > 0 {
			cx.Thread = list[0].ID
		}
	}
	if r, ok := As[Representative](cx); ok {
		cx.Thread = r.RepresentativeThread()
	}
	s.Changed()
	return err
}
