package control

import (
	"fmt"
)

// Kind is what an event waits for.
type Kind int

// The kinds of events.
const (
	AtAddress  Kind = iota // execution at Addr
	AtSymbol               // execution at Symbol, which may be unknown yet
	OnAccess               // use of Size bytes at Addr
	OnSignal               // signal Number
	OnFault                // fault Number
	OnSysEntry             // entry to system call Number
	OnSysExit              // exit from system call Number
	OnWhy                  // any stop of reason Number: the debugger's own
)

// Flags are the attributes of an event.
type Flags uint8

// Attributes of events, by MDB's letters.
const (
	Disabled    Flags = 1 << iota // +e
	AutoDisable                   // -d: disabled at the limit
	AutoDelete                    // -D: deleted at the limit
	AutoStop                      // -s: stops at the limit only
	Temporary                     // -t: deleted at the next stop
	Sticky                        // -T: outlives ::delete all
	Hidden                        // the debugger's own
	Silent                        // not announced
)

// State is how near an event is to happening.
type State byte

// States, as MDB draws them.
const (
	Idle   State = '-'
	Active State = '+'
	Armed  State = '*'
	Failed State = '!'
)

// Event is an event specifier.
type Event struct {
	ID     int
	Kind   Kind
	Symbol string
	Addr   uint64
	Size   uint64 // bytes
	Access Access
	Number int
	Thread uint64 // only this thread's stops match; 0 for all
	Text   string // what it waits for, in MDB's words

	Flags       Flags
	Hits, Limit uint64
	Action      string // a command
	Condition   string // an expression; a match counts only if it is not zero

	State State
	Err   error // why it is idle or failed
	// Matched is set while the last stop is this event's.
	Matched bool

	// Call is the debugger's own action. It says whether to go on.
	Call func(*Stop) (goOn bool)

	cond func(*Stop) bool
}

// span is the range an event is found by: ::delete's address.
func (e *Event) span() (base, size uint64) {
	switch e.Kind {
	case AtAddress:
		return e.Addr, 1
	case AtSymbol:
		if e.State != Idle || e.Addr != 0 {
			return e.Addr, 1
		}
	case OnAccess:
		return e.Addr, e.Size
	}
	return 0, 0
}

// Covers tells whether an address is what the event is about.
func (e *Event) Covers(addr uint64) bool {
	base, size := e.span()
	return addr-base < size
}

// matches tells whether a stop is what the event waits for.
func (e *Event) matches(s *Stop) bool {
	if e.Thread != 0 && e.Thread != s.Thread {
		return false
	}
	switch e.Kind {
	case AtAddress, AtSymbol:
		return s.Why == Breakpoint && s.Addr == e.Addr
	case OnAccess:
		return s.Why == Watch && (s.Addr-e.Addr < e.Size || e.Addr-s.Addr < 8 && s.Addr < e.Addr)
	case OnSignal:
		return s.Why == Signal && s.Signal == e.Number
	case OnFault:
		return s.Why == Signal && s.Fault && FaultOf(s) == e.Number
	case OnSysEntry:
		return s.Why == SysEntry && s.Syscall == int64(e.Number)
	case OnSysExit:
		return s.Why == SysExit && s.Syscall == int64(e.Number)
	case OnWhy:
		return s.Why == Why(e.Number)
	}
	return false
}

// Faults are MDB's names of machine faults by number (illumos sys/fault.h).
var Faults = []string{"", "FLTILL", "FLTPRIV", "FLTBPT", "FLTTRACE", "FLTACCESS", "FLTBOUNDS", "FLTIOVF", "FLTIZDIV",
	"FLTFPE", "FLTSTACK", "FLTPAGE", "FLTWATCH", "FLTCPCOVF"}

// Numbers of faults.
const (
	fltIll    = 1
	fltPriv   = 2
	fltAccess = 5
	fltBounds = 6
	fltIOvf   = 7
	fltIZDiv  = 8
	fltFPE    = 9
	fltPage   = 11
)

// Linux signals that stand for faults (asm-generic/signal.h), and their codes
// (asm-generic/siginfo.h).
const (
	sigILL  = 4
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11

	illPrvOpc = 5
	illPrvReg = 6
	fpeIntDiv = 1
	fpeIntOvf = 2
	segvMapEr = 1
	busObjErr = 3
)

// FaultOf is the fault behind a signal of the processor: what illumos calls it.
func FaultOf(s *Stop) int {
	switch s.Signal {
	case sigILL:
		if s.SigCode == illPrvOpc || s.SigCode == illPrvReg {
			return fltPriv
		}
		return fltIll
	case sigFPE:
		switch s.SigCode {
		case fpeIntDiv:
			return fltIZDiv
		case fpeIntOvf:
			return fltIOvf
		}
		return fltFPE
	case sigSEGV:
		if s.SigCode == segvMapEr {
			return fltBounds
		}
		return fltAccess
	case sigBUS:
		if s.SigCode == busObjErr {
			return fltPage
		}
		return fltAccess
	}
	return 0
}

// FaultName is the name of a fault.
func FaultName(n int) string {
	if n > 0 && n < len(Faults) {
		return Faults[n]
	}
	return fmt.Sprintf("FLT#%d", n)
}
