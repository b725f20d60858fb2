package elfcore

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/unwind"
)

var (
	_ core.Target         = (*Target)(nil)
	_ core.Virtual        = (*Target)(nil)
	_ core.Mapped         = (*Target)(nil)
	_ core.StatusReporter = (*Target)(nil)
	_ core.Stater         = (*Target)(nil)
	_ core.Symbols        = (*Target)(nil)
	_ core.Types          = (*Target)(nil)
	_ core.Machine        = (*Target)(nil)
	_ core.Threads        = (*Target)(nil)
	_ core.Registers      = (*Target)(nil)
	_ core.Unwinder       = (*Target)(nil)
	_ core.Xdata          = (*Target)(nil)
	_ core.ObjectFile     = (*Target)(nil)
	_ core.Variables      = (*Target)(nil)
	_ core.FileReporter   = (*Target)(nil)
	_ core.DebugInfo      = (*Target)(nil)
	_ core.Process        = (*Target)(nil)
	_ core.Environ        = (*Target)(nil)
	_ core.Auxiliary      = (*Target)(nil)
	_ core.Siginfos       = (*Target)(nil)
	_ core.Warner         = (*Target)(nil)
	_ core.ThreadLocal    = (*Target)(nil)
	_ system.Source       = (*Target)(nil)
	_ unwind.Tables       = (*Target)(nil)
	_ unwind.Code         = (*Target)(nil)
)
