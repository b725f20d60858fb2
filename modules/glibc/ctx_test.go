package glibc

import (
	"context"
	"io"

	"github.com/xmdb/xmdb/core"
)

func testCtx() *core.Ctx {
	return &core.Ctx{Context: context.Background(), Session: core.NewSession("xmdb", io.Discard, io.Discard)}
}
