package elfcore

import (
	"bytes"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Signal is the signal the process died of, 0 if none (a core made by gcore).
func (t *Target) Signal() int {
	if len(t.notes.threads) == 0 {
		return 0
	}
	th := t.notes.threads[0]
	if th.Cursig != 0 {
		return int(th.Cursig)
	}
	return int(th.Signo)
}

// Status implements core.StatusReporter.
func (t *Target) Status(p *out.Printer) {
	if ps := t.notes.psinfo; ps != nil {
		// A Linux core does not say what machine it is from.
		fmt.Fprintf(p, "debugging core file of %s (%d-bit) from unknown machine\n", ps.Fname, 8*t.layout.word)
	} else {
		fmt.Fprintf(p, "debugging core file\n")
	}
	if name := t.Program(); name != "" {
		fmt.Fprintf(p, "file: %s\n", name)
	} else if name := t.ProgramPath(); name != "" {
		fmt.Fprintf(p, "file: %s\n", name)
	}
	if ps := t.notes.psinfo; ps != nil {
		fmt.Fprintf(p, "initial argv: %s\n", ps.Args)
	}
	fmt.Fprintf(p, "threading model: native threads\n")
	fmt.Fprintf(p, "status: %s\n", t.reason())
}

// reason says how the process ended.
func (t *Target) reason() string {
	sig := t.Signal()
	if sig == 0 {
		return "process core file generated with gcore(1)"
	}
	name, descr := system.SignalName(sig)
	s := fmt.Sprintf("process terminated by %s (%s)", name, descr)
	if th := t.notes.threads[0]; th.Siginfo != nil && system.FaultSignal(sig) && th.Siginfo.Code > 0 {
		s += fmt.Sprintf(", addr=0x%x", th.Siginfo.Addr())
	}
	return s
}

// xdataNotes are the notes exported by name; each says that every thread has one.
var xdataNotes = map[uint32]struct {
	name, descr string
	each        bool
}{
	ntAuxv:     {"auxv", "auxiliary vector", false},
	ntPrpsinfo: {"psinfo", "struct elf_prpsinfo", false},
	ntPrstatus: {"lwpstatus", "struct elf_prstatus array", true},
	ntFile:     {"files", "NT_FILE note", false},
	ntSiginfo:  {"siginfo", "siginfo_t array", true},
}

// Xdata implements core.Xdata: what of MDB's there is for a Linux core, and the
// notes MDB has no name for.
func (t *Target) Xdata() []core.Blob {
	var out []core.Blob
	at := map[uint32]int{}
	for _, n := range t.notes.all {
		x, ok := xdataNotes[n.Type]
		if !ok || n.Name != "CORE" {
			continue
		}
		i, again := at[n.Type]
		switch {
		case !again:
			at[n.Type] = len(out)
			out = append(out, core.Blob{Name: x.name, Descr: x.descr, Data: bytes.Clone(n.Desc)})
		case x.each:
			out[i].Data = append(out[i].Data, n.Desc...)
		}
	}
	return out
}
