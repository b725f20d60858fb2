package ptrace

// slot is not used on arm64: threads pass breakpoints with the others halted.
type slot struct{}

func (p *process) freeSlots() {}

func (p *process) outOfLine(*thread, *breakpoint) bool { return false }

func (p *process) leaveSlot(*thread) {}

func (p *process) unmapSlots(*memory, int) {}

func emulate(*process, *thread, *breakpoint) bool { return false }
