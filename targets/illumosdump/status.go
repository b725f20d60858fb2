package illumosdump

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Status implements core.StatusReporter for a dump in which no kernel is recognised;
// else the kernel reports.
func (t *Target) Status(p *out.Printer) { system.WriteDumpStatus(p, t.name, t) }

// Xdata implements core.Xdata: the header as it is in the file.
func (t *Target) Xdata() []core.Blob {
	return []core.Blob{{Name: "dumphdr", Descr: "dump header structure", Data: t.h.raw[:]}}
}
