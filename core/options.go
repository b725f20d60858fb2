package core

// Options are the debugger options of ::set and -o, with MDB's defaults.
type Options struct {
	Adb             bool
	ArrayMemLimit   uint64 // elements ::print shows of an array; NoLimit for all
	ArrayStrLimit   uint64 // length up to which a char array prints as a string
	Autowrap        bool
	FollowExec      string
	FollowFork      string
	IgnoreEOF       bool
	Latest          bool
	LMRaw           bool
	NoCTF           bool
	NoMods          bool
	Pager           bool
	RepeatLast      bool
	ShowLMID        bool
	StopOnBptNosym  bool
	WriteReadback   bool
	AllowIO, NoStop bool
	Force           bool   // ::set -F: take over processes that others control
	JSON            bool   // xmdb's: rows as JSON lines
	NoShell         bool   // xmdb's: `!` is refused from then on
	MDB             bool   // called as mdb: options of xmdb's own do not exist
	SymDist         uint64 // 0 is smart mode
	Radix           int
	Prompt          string
	MacroPath       []string
	ModulePath      []string
	Root            string
	DemangleOn      bool
	DisMode         string // "" is the target's default
	Term            string
}

// NoLimit as an option's value means no limit.
const NoLimit = ^uint64(0)

// DefaultOptions are the options of a new session.
func DefaultOptions() Options {
	return Options{
		ArrayMemLimit: 32, ArrayStrLimit: 1024,
		FollowExec: "ask", FollowFork: "ask",
		Pager: true, StopOnBptNosym: true, WriteReadback: true,
		Radix: 16, Prompt: "> ",
	}
}
