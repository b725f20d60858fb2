package ptrace

// slot is not used on arm64: threads pass breakpoints with the others halted.
type slot struct{ busy *thread }

func (p *process) freeSlots() {}

func (p *process) outOfLine(*thread, *breakpoint) bool { return false }

func (p *process) unstep(th *thread) { th.stepping = false }

func emulate(*process, *thread, *breakpoint) bool { return false }

func (p *process) unmapSlots(*memory, int) {}
