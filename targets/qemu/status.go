package qemu

import (
	"fmt"

	"github.com/xmdb/xmdb/core/out"
)

// Status implements core.StatusReporter for a machine in which no system is
// recognised; else the system reports.
func (t *Target) Status(p *out.Printer) {
	fmt.Fprintf(p, "debugging live machine %s (%s)\n", t.name, t.Arch().Name)
	t.TransportStatus(p)
}

// TransportStatus writes the lines of ::status about the hypervisor.
func (t *Target) TransportStatus(p *out.Printer) {
	fmt.Fprintf(p, "hypervisor: %s", t.name)
	if t.host != nil {
		fmt.Fprintf(p, ", process %d", t.host.pid)
	}
	fmt.Fprintf(p, "\nstate: %s\n", t.stateText())
	if t.vcpus > 0 {
		fmt.Fprintf(p, "processors: %d\n", t.vcpus)
	}
	for _, w := range t.mem.ways {
		fmt.Fprintf(p, "memory: %s through %s\n", sizeText(w.size), w.how)
	}
}

// sizeText is a size in the largest unit that it is a multiple of.
func sizeText(n uint64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<u.shift && n%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// slowest tells whether most of memory comes through the monitor.
func (p *memory) slowest() bool {
	var slow, all uint64
	for _, w := range p.ways {
		all += w.size
		if w.how == monitorWay {
			slow += w.size
		}
	}
	return slow*2 > all
}

// monitorWay is how memory is read by commands of the monitor.
const monitorWay = "the monitor"
