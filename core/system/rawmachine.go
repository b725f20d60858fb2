package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
)

// RawMachine is a machine in whose memory no kernel was recognised: firmware, a boot
// loader, a kernel that xmdb does not know. It has the registers of the processors,
// physical memory, and virtual memory by the page table that one processor, the
// current one, uses. A thread is a processor, its id the processor's index.
type RawMachine struct {
	mem    KernelMemory
	missed []error // why no kernel was recognised; nil if none was looked for

	current int // index of the current processor
	read    bool
	cpus    []rawCPU
	err     error // of reading the processors
}

// probeRawMachine takes any memory of a machine.
func probeRawMachine(_ context.Context, target any) (any, error) {
	if m, ok := machineMemory(target); ok {
		return NewRawMachine(m), nil
	}
	return nil, nil
}

// NewRawMachine is the machine of a memory. Nothing is read before it is asked for.
func NewRawMachine(m KernelMemory) *RawMachine { return &RawMachine{mem: m} }

// processors are the machine's, read once until Refresh.
func (m *RawMachine) processors() ([]rawCPU, error) {
	if m.read {
		return m.cpus, m.err
	}
	m.read = true
	p, ok := m.mem.(Processors)
	if !ok {
		m.err = errors.New("nothing tells the state of the processors")
		return nil, m.err
	}
	list, err := p.Processors()
	m.cpus, m.err = nil, err
	for i := range list {
		m.cpus = append(m.cpus, rawCPU{Processor: list[i], m: m})
	}
	return m.cpus, m.err
}

// cpu is the processor of an index.
func (m *RawMachine) cpu(id uint64) (*rawCPU, error) {
	list, err := m.processors()
	i := slices.IndexFunc(list, func(c rawCPU) bool { return uint64(c.ID) == id })
	switch {
	case i >= 0:
		return &list[i], nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("no processor %d: the machine has %s", id, counted(len(list), "processor"))
}

// counted is a number of things: "1 processor", "2 processors".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// CurrentCPU implements core.CPUSwitcher.
func (m *RawMachine) CurrentCPU() int { return m.current }

// SwitchCPU implements core.CPUSwitcher: registers, virtual memory and architecture are
// those of the processor from now on.
func (m *RawMachine) SwitchCPU(id int) error {
	if _, err := m.cpu(uint64(id)); err != nil {
		return err
	}
	m.current = id
	return nil
}

// CPUStates implements core.CPUSwitcher.
func (m *RawMachine) CPUStates() ([]CPUState, error) {
	list, err := m.processors()
	out := make([]CPUState, 0, len(list))
	for i := range list {
		out = append(out, list[i].state())
	}
	return out, err
}

// Processors implements system.Processors.
func (m *RawMachine) Processors() ([]Processor, error) {
	list, err := m.processors()
	out := make([]Processor, 0, len(list))
	for i := range list {
		out = append(out, list[i].Processor)
	}
	return out, err
}

// RepresentativeThread implements core.Representative: the current processor.
func (m *RawMachine) RepresentativeThread() uint64 { return uint64(m.current) }

// Registers implements core.Registers: of the processor with the index, by the
// architecture that its mode makes it.
func (m *RawMachine) Registers(thread uint64) (*arch.Regs, error) {
	c, err := m.cpu(thread)
	if err != nil {
		return nil, err
	}
	if c.Regs == nil {
		return nil, fmt.Errorf("registers of processor %d are not known: %w", thread, ErrNoRegs)
	}
	return c.registers(), nil
}

// Arch implements core.Machine: that of the current processor's mode.
func (m *RawMachine) Arch() *arch.Arch {
	if t, ok := m.mem.(interface{ Arch() *arch.Arch }); ok && t.Arch() != arch.AMD64 {
		return t.Arch()
	}
	if c, err := m.cpu(uint64(m.current)); err == nil {
		return c.arch()
	}
	return arch.AMD64
}

// Physical implements core.Physical.
func (m *RawMachine) Physical() mem.Space { return m.mem.Physical() }

// Virtual implements core.Virtual: by the page table of the current processor, else
// what the container has by virtual address.
func (m *RawMachine) Virtual() mem.Space {
	c, err := m.cpu(uint64(m.current))
	if err == nil {
		if s, serr := c.virtual(); serr == nil {
			return s
		} else {
			err = serr
		}
	}
	if v, ok := m.mem.(KernelVirtual); ok {
		if s := v.KernelVirtual(); s != nil {
			return s
		}
	}
	return unknownSpace{err}
}

// unknownSpace is virtual memory of which no page table is known.
type unknownSpace struct{ err error }

// ReadAt implements mem.Space.
func (s unknownSpace) ReadAt(_ []byte, a mem.Addr) (int, error) { return 0, mem.Fault(a, s.err) }

// Translate implements core.Translator, for the current processor. An error tells how
// far the way through the page tables went.
func (m *RawMachine) Translate(va uint64) (uint64, error) {
	c, err := m.cpu(uint64(m.current))
	if err != nil {
		return 0, err
	}
	s, err := c.virtual()
	if err != nil {
		return 0, err
	}
	pa, _, err := s.Table().Translate(va)
	return pa, err
}

// CurrentTable implements core.Paged: the page table of the current processor.
func (m *RawMachine) CurrentTable() (*paging.Table, error) {
	c, err := m.cpu(uint64(m.current))
	if err != nil {
		return nil, err
	}
	s, err := c.virtual()
	if err != nil {
		return nil, err
	}
	return s.Table(), nil
}

// Mappings implements core.Mapped: what the page table of the current processor maps.
func (m *RawMachine) Mappings() []mem.Mapping {
	if s, ok := m.Virtual().(mem.Mapper); ok {
		return s.Mappings()
	}
	return nil
}

// Refresh implements Refresher.
func (m *RawMachine) Refresh() { m.read, m.cpus, m.err = false, nil, nil }

// Sought tells whether a kernel was looked for, in vain.
func (m *RawMachine) Sought() bool { return m.missed != nil }

// Warnings implements core.Warner.
func (m *RawMachine) Warnings() []string {
	if !m.Sought() {
		return nil
	}
	return []string{"warning: no kernel was recognised: only registers, physical memory and that of the page tables can be looked at (see ::status)"}
}

// name is what the machine was found in.
func (m *RawMachine) name() string {
	if n, ok := m.mem.(interface{ Name() string }); ok {
		return n.Name()
	}
	return "memory"
}

// maxMissed bounds the text of a reason in ::status.
const maxMissed = 500

// Status implements core.StatusReporter.
func (m *RawMachine) Status(p *out.Printer) {
	what := "recognised"
	if m.missed == nil {
		what = "looked for"
	}
	fmt.Fprintf(p, "debugging machine %s: no kernel was %s\n", m.name(), what)
	for _, err := range m.missed {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		fmt.Fprintf(p, "  %s\n", text[:min(len(text), maxMissed)])
	}
	_, tells := m.mem.(interface{ Status(*out.Printer) }) // ::status has its lines, too
	if r, ok := m.mem.(PhysicalRanges); ok && !tells {
		size := uint64(0)
		for _, g := range r.PhysicalRanges() {
			size += g.Size
		}
		fmt.Fprintf(p, "memory size: %s\n", megabytes(size))
	}
	list, err := m.processors()
	if err != nil {
		fmt.Fprintf(p, "processors: %v\n", err)
		return
	}
	if !tells {
		fmt.Fprintf(p, "processors: %d\n", len(list))
	}
	if c, err := m.cpu(uint64(m.current)); err == nil {
		st := c.state()
		fmt.Fprintf(p, "current processor: %d (%s%s)\n", st.ID, st.Mode, st.words())
	}
}

// megabytes is a size in MB, or in KB where it is not so many whole MB.
func megabytes(n uint64) string {
	if n%(1<<20) != 0 {
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d MB", n>>20)
}
