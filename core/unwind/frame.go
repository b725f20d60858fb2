package unwind

// Source tells what a frame's registers come from.
type Source uint8

// Sources, from the surest to the least sure.
const (
	SourceEntry      Source = iota // the thread's own registers: the innermost frame
	SourceCFI                      // the callee's .eh_frame
	SourceDebugFrame               // the callee's .debug_frame
	SourceSignal                   // the context the kernel saved for a signal handler
	SourceFP                       // the frame-pointer chain
	SourceGuess                    // a likely return address found on the stack
	SourceSize                     // a table of frame sizes: Go's own
	SourceORC                      // a Linux kernel's ORC tables
)

var sourceNames = [...]string{"entry", "cfi", "debug_frame", "signal", "fp", "guess", "size", "orc"}

func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}

// Frame is one activation on a stack.
type Frame struct {
	Level int    // 0 is the innermost
	PC    uint64 // of the next instruction to run in this frame; VA
	// CFA is the canonical frame address: on the x86s the stack pointer before
	// the call that made this frame. 0 when nothing tells it, as in the
	// outermost frame of a stack.
	CFA    uint64
	SP, FP uint64 // 0 if not known
	Regs   Regs
	Source Source // of Regs
	Signal bool   // the trampoline that the kernel makes signal handlers return to
	// Exact is true if PC is where the frame was interrupted, not where a call
	// in it returns to: in the innermost frame and after a signal frame.
	Exact bool
}

// CodeAddr is the address by which to look up what the frame executes (symbol,
// line, variables): PC itself if exact, else the last byte of the call, since the
// call may be its function's last instruction.
func (f *Frame) CodeAddr() uint64 {
	if f.Exact || f.Signal || f.PC == 0 {
		return f.PC
	}
	return f.PC - 1
}
