package linuxdump

import (
	"fmt"

	"github.com/xmdb/xmdb/core/out"
)

// Status implements core.StatusReporter for a dump in which no system is recognised;
// else the system reports.
func (t *Target) Status(p *out.Printer) {
	fmt.Fprintf(p, "debugging memory of a machine in %s (%s)\n", t.name, t.Arch().Name)
	t.TransportStatus(p)
}

// TransportStatus writes the lines of ::status about the file and what it lacks.
func (t *Target) TransportStatus(p *out.Printer) {
	fmt.Fprintf(p, "dump format: %s\n", t.format)
	for _, d := range t.details {
		fmt.Fprintf(p, "dump content: %s\n", d)
	}
}
