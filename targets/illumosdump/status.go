package illumosdump

import (
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Status implements core.StatusReporter for a dump in which no kernel is recognised;
// else the kernel reports.
func (t *Target) Status(p *out.Printer) { system.WriteDumpStatus(p, t.name, t) }
