package core

import (
	"fmt"

	"github.com/xmdb/xmdb/core/system"
)

// Processors are the processors of the machine that the current context is, and the id
// of the current one. ErrNotSup: it is no machine, or nothing tells of them.
func (s *Session) Processors() (list []system.CPUState, current int, err error) {
	cx := s.Context()
	if t, ok := As[CPUSwitcher](cx); ok {
		list, err := t.CPUStates()
		return list, t.CurrentCPU(), err
	}
	m, ok := cx.Target.(system.KernelMemory)
	if _, has := cx.Target.(system.Processors); !ok || !has {
		return nil, 0, ErrNotSup
	}
	list, err = system.NewRawMachine(m).CPUStates()
	return list, cx.CPU, err
}

// SwitchCPU makes a processor of the machine the current one; of a known kernel, the
// thread on it the representative one.
func (s *Session) SwitchCPU(id uint64) error {
	cx := s.Context()
	list, _, err := s.Processors()
	if err != nil && len(list) == 0 {
		return err
	}
	known := false
	for i := range list {
		known = known || uint64(list[i].ID) == id
	}
	if !known {
		return fmt.Errorf("the machine has %d", len(list))
	}
	thread := id
	if t, ok := As[CPUSwitcher](cx); ok {
		err = t.SwitchCPU(int(id))
	} else if t, ok := As[CPUThreads](cx); !ok {
		err = ErrNotSup
	} else if thread, ok = t.CPUThread(int(id)); !ok {
		err = fmt.Errorf("the thread on it is not known")
	}
	if err != nil {
		return err
	}
	cx.CPU, cx.Thread, cx.Chosen = int(id), thread, FrameRef{}
	s.Changed()
	return nil
}
