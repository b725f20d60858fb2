package lang

// Op says what an expression node is.
type Op uint8

// Operands.
const (
	Number    Op = iota // Value
	Word                // Text: a symbol if there is one of that name, else Value (or Err)
	Symbol              // Text, perhaps object`name
	Quoted              // Text between double quotes: a symbol name in any spelling
	Dot                 // .
	RecentDot           // & : dot as it was given to the last command
	NextDot             // + : dot plus the increment
	PrevDot             // ^ : dot minus the increment
	Variable            // Text: <name
)

// Unary operators, on X.
const (
	Negate     Op = iota + 16 // -
	Complement                // ~
	LogNot                    // #
	Load                      // * : from the virtual address space; Size
	LoadObject                // % : from the object file; Size
)

// Binary operators, on X and Y.
const (
	Or         Op = iota + 32 // |
	Xor                       // ^
	And                       // &
	Equal                     // ==
	NotEqual                  // !=
	ShiftLeft                 // <<
	ShiftRight                // >>
	Add                       // +
	Subtract                  // -
	Multiply                  // *
	Divide                    // % : signed
	RoundUp                   // # : to the next multiple
	Modulus                   // %%
)

// Sizes of Load and LoadObject besides 1, 2, 4 and 8 bytes.
const (
	SizePointer = 0  // no cast: a pointer of the target
	SizeLong    = -1 // cast l: a long of the target
)

// Expr is a node of an expression.
type Expr struct {
	Op    Op
	X, Y  *Expr
	Text  string
	Value uint64
	Err   error // Word only: why Text is not a number in the current radix
	Size  int
	Slot  int // index among the expressions of the statement, operands before operators
}

// ArgKind says what an argument is.
type ArgKind uint8

const (
	ArgString ArgKind = iota // Text
	ArgNumber                // Value: a count in a format
	ArgExpr                  // Expr: $[ ]
	ArgChar                  // Char: a format character, a write or match character, a cast
)

// Arg is one argument of a command.
type Arg struct {
	Kind  ArgKind
	Text  string
	Value uint64
	Expr  *Expr
	Char  byte
}

// CommandKind tells the syntactic forms of a command apart.
type CommandKind uint8

const (
	CommandDcmd   CommandKind = iota // ::name, $c, :c, >, $<, ... with arguments
	CommandFormat                    // / \ ? @ = with a format list
	CommandWrite                     // / \ ? with v w z W Z l L M first, then words
)

// Command is one stage of a pipeline.
type Command struct {
	Kind CommandKind
	// Name is the key under which the dcmd is registered: "print" for ::print,
	// "$c", ":b", ">", "/". A bare $ is "$?".
	Name string
	// Written is the name as it stood in the input: "::print", "$c".
	Written string
	Args    []Arg
	// Filter is the shell command whose output is this stage's input
	// (`! 'cmd' | ::dcmd`); nil for most.
	Filter *Shell
}

// Shell is a shell command of a statement.
type Shell struct {
	Text string
	// Source: !< , the command's output is read as debugger commands.
	Source bool
}

// Statement is one statement of the input. Exactly one of these holds: it has
// Commands; it has only Addr or Count (a naked expression); it has only Shell
// (an escape); it has nothing (an empty statement). Shell beside Commands or
// Count receives the output of the last command.
type Statement struct {
	Text  string // as written, without the terminator
	Line  int    // line on which it stands
	Addr  *Expr  // nil if absent
	Count *Expr  // nil if absent

	Commands []*Command
	Shell    *Shell

	// Order lists every expression, operands before operators, in the order
	// in which MDB evaluates them. Order[i].Slot == i.
	Order []*Expr
}

// Empty tells whether the statement is a bare terminator.
func (s *Statement) Empty() bool {
	return s.Addr == nil && s.Count == nil && len(s.Commands) == 0 && s.Shell == nil
}

// A Node is what Options.Check is called with: *Expr or *Command.
type Node interface{ node() }

func (*Expr) node()    {}
func (*Command) node() {}
