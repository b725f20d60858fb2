package genunix

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/modules/kernel/stacks"
)

const stacksHelp = `Groups all threads by state, kind of synchronization object and the program counters on
their stacks, and prints each group's first thread, how many there are, and the stack;
the largest groups first, panicking threads last.

With an address the groups that the thread is in are printed; in a pipe, only the threads
given. Into a pipe go all threads of the groups, so that filters can be chained:

    ::stacks -c fop_read | ::stacks -c cv_wait_sig_swap_core

SOBJ types: mutex rwlock cv sema user user_pi shuttle
Thread states: free sleep run onproc zomb stopped wait panic
`

// kernelThreads tells ::stacks of the kernel's threads.
type kernelThreads struct {
	c    *core.Ctx
	v    *view
	find *finder
}

func runStacks(c *core.Ctx) error {
	v := viewOf(c)
	f, err := newFinder(v, stacks.Depth)
	if err != nil {
		return err
	}
	return stacks.Run(c, kernelThreads{c, v, f})
}

// Threads implements stacks.Kernel.
func (k kernelThreads) Threads() iter.Seq2[uint64, error] { return k.v.allThreads() }

// failures are the reasons for which there is no stack, in MDB's order (FSI_FAIL_*).
var failures = []error{nil, errBadThread, errNotLoaded, errBadStack, errNoStack}

// Stack implements stacks.Kernel.
func (k kernelThreads) Stack(addr uint64) (stacks.Stack, error) {
	s := k.find.find(addr)
	if errors.Is(s.err, errBadThread) {
		return stacks.Stack{}, stacks.ErrThread
	}
	return stacks.Stack{Frames: s.frames, Overflow: s.overflow, Panicked: s.panicked, State: s.state, Sobj: s.sobj,
		Err: s.err, Failure: slices.Index(failures, s.err)}, nil
}

// ThreadType implements stacks.Kernel.
func (k kernelThreads) ThreadType() string { return "kthread_t" }

// State implements stacks.Kernel.
func (k kernelThreads) State(state uint64) string { return stateName(state) }

// StateNamed implements stacks.Kernel.
func (k kernelThreads) StateNamed(name string) (uint64, bool) { return stateByName(name) }

// Sobj implements stacks.Kernel: sobj is what t_sobj_ops points to.
func (k kernelThreads) Sobj(sobj uint64) string { return k.v.sobjText(sobj) }

// SobjNamed implements stacks.Kernel.
func (k kernelThreads) SobjNamed(name string) (uint64, error) {
	for _, s := range sobjTypes {
		if !strings.EqualFold(s.name, name) {
			continue
		}
		ops, err := k.v.address("genunix", s.ops)
		if err != nil {
			k.c.Warnf("unable to find symbol \"%s\": %s\n", s.ops, core.Reason(err))
			return 0, core.ErrUsage
		}
		return ops, nil
	}
	k.c.Warnf("sobj type \"%s\" unknown\n", name)
	return 0, core.ErrUsage
}

// maxModuleName is the longest name of a module, with its NUL: more than MODMAXNAMELEN.
const maxModuleName = 256

// Module implements stacks.Kernel.
func (k kernelThreads) Module(name string) ([]sym.Range, error) {
	v := k.v
	head, err := v.address("genunix", "modules")
	if err != nil {
		return nil, err
	}
	for a, err := range v.ring("modctl", "struct modctl", "mod_next", head) {
		if err != nil {
			return nil, err
		}
		var m struct {
			Name uint64 `ctf:"mod_modname"`
			Text uint64 `ctf:"mod_text"`
			Size uint64 `ctf:"mod_text_size"`
		}
		if err := v.load("struct modctl", a, &m); err != nil {
			return nil, badRead("modctl", a, err)
		}
		if s, err := v.text(m.Name, maxModuleName); err == nil && s == name && m.Size != 0 {
			return []sym.Range{{Base: m.Text, Size: m.Size}}, nil
		}
	}
	return nil, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
