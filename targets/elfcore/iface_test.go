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
	_ core.Machine        = (*Target)(nil)
	_ core.Threads        = (*Target)(nil)
	_ core.Registers      = (*Target)(nil)
	_ core.Xdata          = (*Target)(nil)
	_ core.Process        = (*Target)(nil)
	_ core.Environ        = (*Target)(nil)
	_ core.Auxiliary      = (*Target)(nil)
	_ core.Siginfos       = (*Target)(nil)
	_ core.Warner         = (*Target)(nil)
	_ system.Source       = (*Target)(nil)

	// What the process recognised in a core adds.
	_ core.Symbols      = (*system.Process)(nil)
	_ core.Types        = (*system.Process)(nil)
	_ core.DebugInfo    = (*system.Process)(nil)
	_ core.Unwinder     = (*system.Process)(nil)
	_ core.ObjectFile   = (*system.Process)(nil)
	_ core.Variables    = (*system.Process)(nil)
	_ core.FileReporter = (*system.Process)(nil)
	_ core.ThreadLocal  = (*system.Process)(nil)
	_ core.Warner       = (*system.Process)(nil)
	_ unwind.Tables     = (*system.Process)(nil)
	_ unwind.Code       = (*system.Process)(nil)
)
