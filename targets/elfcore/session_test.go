package elfcore

import (
	"context"
	"io"
	"testing"

	"github.com/xmdb/xmdb/core/system"
)

// opened is a core with the process recognised in it, as a session has it.
type opened struct {
	*Target
	*system.Process
}

// Warnings are those of both.
func (o *opened) Warnings() []string {
	return append(o.Target.Warnings()[:len(o.Target.Warnings()):len(o.Target.Warnings())], o.Process.Warnings()...)
}

func recognise(tg *Target, err error) (*opened, error) {
	if err != nil {
		return nil, err
	}
	sys, err := system.Recognise(context.Background(), tg)
	if err != nil {
		return nil, err
	}
	return &opened{tg, sys.(*system.Process)}, nil
}

func open(path string, o Options) (*opened, error) {
	return recognise(Open(context.Background(), path, o))
}

func openAt(path string, r io.ReaderAt, size int64, o Options) (*opened, error) {
	return recognise(OpenAt(path, r, size, o))
}

func openCore(t testing.TB, path string, o Options) *opened {
	t.Helper()
	tg, err := open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return tg
}
