package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// Columns of the drawing below a CPU: that under which its flags hang, and that under
// which its queues do.
const (
	cpuFlagColumn  = 3 + 16 + 4
	cpuQueueColumn = 3 + 16 + 9
	cpuFlagWidth   = 9
)

// drawing is what is drawn below a CPU: on the left its flags line by line, on the
// right what its other lines say.
type drawing struct {
	c     *core.Ctx
	left  []string
	lines int
}

// line prints a line with the next of the flags before it.
func (d *drawing) line(format string, args ...any) {
	left := ""
	if d.lines < len(d.left) {
		left = d.left[d.lines]
	}
	d.lines++
	d.c.Printf("%*s"+format, append([]any{cpuQueueColumn, left}, args...)...)
}

// details draws what ::cpuinfo -v shows below a CPU.
func (s *cpuShow) details(addr uint64, cpu *cpuInfo, disp *dispInfo) error {
	d := &drawing{c: s.c, left: flagLines(cpu.Flags)}
	queue := disp.NRun != 0
	if err := s.drawInterrupts(d, cpu, queue); err != nil {
		return err
	}
	if queue {
		d.line("|\n")
		d.line("+-->  %3s %-16s %s\n", "PRI", "THREAD", "PROC")
		for a, err := range s.v.dispq(disp.Queue, uint64(disp.NPri), true) {
			if err != nil {
				return err
			}
			pri, comm, err := s.v.priComm(a)
			if err != nil {
				return err
			}
			d.line("      %3d %016p %s\n", pri, a, comm)
		}
	}
	for ; d.lines < len(d.left); d.lines++ {
		s.c.Printf("%s\n", d.left[d.lines])
	}
	s.c.Printf("\n")
	s.head = true
	return nil
}

// priComm is the priority of a thread and its process's command.
func (v *view) priComm(thread uint64) (int64, string, error) {
	var t struct {
		Pri  int64  `ctf:"t_pri"`
		Proc uint64 `ctf:"t_procp"`
	}
	if err := v.load("kthread_t", thread, &t); err != nil {
		return 0, "", badRead("kthread_t", thread, err)
	}
	comm, err := v.comm(t.Proc)
	return t.Pri, comm, err
}

// flagLines are the names of flags, hanging under the column of flags.
func flagLines(flags uint64) []string {
	var list []string
	for i, name := range cpuFlags {
		if flags>>i&1 == 0 {
			continue
		}
		arrow := ""
		if list == nil {
			list = append(list, fmt.Sprintf("%-*s", cpuQueueColumn, strings.Repeat(" ", cpuFlagColumn)+"|"))
			arrow = "<--+"
		}
		list = append(list, fmt.Sprintf("%-*s", cpuQueueColumn, fmt.Sprintf("%*s %s", 3+16, name, arrow)))
	}
	return list
}

// drawInterrupts draws the interrupt threads of a CPU, the highest level first, and
// what the lowest pinned.
func (s *cpuShow) drawInterrupts(d *drawing, cpu *cpuInfo, queue bool) error {
	bar := " "
	if queue {
		bar = "|"
	}
	threads := s.intr[cpu.ID]
	if len(threads) == 0 {
		return nil
	}
	d.line("%s    |\n", bar)
	d.line("%s    +--> %3s %s\n", bar, "PIL", "THREAD")
	pinned := uint64(0)
	for pil := uint64(maxIntrLevels); pil > 0; pil-- {
		a := threads[pil-1]
		if a == 0 {
			continue
		}
		d.line("%s         %3d %016p\n", bar, pil-1, a)
		var err error
		if pinned, err = s.v.member("kthread_t", "t_intr", a); err != nil {
			return badRead("kthread_t", a, err)
		}
	}
	if pinned == 0 {
		return nil
	}
	_, comm, err := s.v.priComm(pinned)
	if err != nil {
		return err
	}
	if pinned == cpu.Idle {
		comm = "(idle)"
	}
	d.line("%s         %3s %016p %s\n", bar, "-", pinned, comm)
	return nil
}
