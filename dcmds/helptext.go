package dcmds

import "github.com/xmdb/xmdb/core"

// describe gives the dcmds that do not bring a description along the one below;
// their usage message does not point to it, as MDB has none for them. The words stand together because most of them explain the language rather than
// one command's code.
func describe(l []*core.Dcmd) []*core.Dcmd {
	for _, d := range l {
		if d.Help == "" {
			d.Help, d.NoHint = helpText[d.Name], true
		}
	}
	return l
}

const (
	formatHelp = "Format data at dot, or at the address, and move on by what each character takes.\n" +
		"A decimal number before a character repeats it; \"text\" is printed as it is; n is\n" +
		"a newline. ::formats lists the characters. With a count the whole list repeats.\n" +
		"v w W Z write values (-w), l L M search for one with a mask.\n\n" +
		"  main/i           one instruction       table/4X     four 32-bit words\n" +
		"  name/s           a string              ptr/K        a pointer\n"
	radixHelp = "Set the radix of numbers read and printed to the address, 2 to 16, or print it.\n" +
		"Numbers of a fixed radix begin with 0i, 0o, 0t or 0x.\n"
	eventIDs = "An id is decimal, as ::events shows it.\n"
)

// helpText is by name of dcmd. A line ends before column 80 less the indentation.
var helpText = map[string]string{
	"$?": "Print the process id, the signal the process ended by, and the registers.\n",
	"$":  "The same as $?.\n",
	"$>": "Log the session to a file; without one stop that. The same as ::log.\n",
	"$G": "Print C++ and Rust names demangled, or as they are in the symbol table.\n",
	"$L": "Print a sentence that lists the ids of all threads.\n",
	"$M": "List the names of adb's macros and the commands that stand for them.\n",
	"$P": "Set the prompt; at most 35 characters. Without an argument there is none.\n",
	"$Q": "The same as ::quit.\n", "$q": "The same as ::quit.\n",
	"$V": "The same as ::dismode.\n",
	"$W": "Open the target again for writing. What is written is logged: see ::writes.\n",
	"$d": radixHelp,
	"$e": "Print the address of each global symbol of data or code and the word there.\n",
	"$f": "The same as ::files.\n",
	"$g": "Without an address print which parts of a C++ name are shown; with one, take it\n" +
		"as the flags.\n",
	"$l": "Print the id of the representative thread.\n",
	"$m": "The same as ::mappings.\n", "$p": "The same as ::context.\n",
	"$s": "Set how far past a symbol an address still belongs to it; 0 is smart mode, in\n" +
		"which the symbol's size decides.\n",
	"$v": "Print the variables whose value is not zero.\n",
	"$w": "Set the width of the output to the address, or print it.\n",
	"/":  "In the virtual address space.\n\n" + formatHelp,
	"?":  "In the object file.\n\n" + formatHelp,
	"@":  "In physical memory.\n\n" + formatHelp,
	`\`:  "In physical memory.\n\n" + formatHelp,
	"=":  "Format the value of dot, or of the expression, itself.\n\n  1+2=D    0t10=X    main=p\n",
	">": "Give a variable the value of dot, or of the expression. A letter between slashes\n" +
		"cuts the value to unsigned char, short, int or long first: >/c/ >/s/ >/i/ >/l/.\n\n" +
		"  main>m    .+8>next    <m+10/i\n",
	":a":   "Stop when the count of bytes at the address are read. Words are the action.\n",
	":b":   "Stop at the address. Words are the action: a command to run at each stop.\n",
	":d":   "The same as ::delete.\n",
	":i":   "Delete the events for the signal whose number is the address.\n",
	":p":   "Stop when the count of bytes at the address are executed.\n",
	":w":   "Stop when the count of bytes at the address are written.\n",
	":z":   "Delete all events but sticky ones.\n",
	"args": "Print the strings the process was started with, as they are on its initial\nstack.\n",
	"array": "Print the address of each element of an array, for a pipe. Without a type and a\n" +
		"count the address must be that of a symbol of array type. The last word names a\n" +
		"variable that keeps the element's address through the pipe.\n\n" +
		"  ints::array | ::print int    table::array struct slot 0t16 | ::print struct slot\n",
	"cat": "Copy files of this host to the output.\n",
	"context": "Look at the address space of the process whose structure is at the address; 0 is\n" +
		"the kernel. For targets that hold more than one address space.\n",
	"delete":  "Delete events by id, all of them, or those at the address.\n" + eventIDs,
	"dem":     "Print what names are in the source language: C++ and Rust.\n",
	"disasms": "List the disassemblers that ::dismode chooses from.\n",
	"dismode": "Choose the disassembler of ::dis and of the formats i and I, or print which it is.\n",
	"echo": "Print words, and the values of expressions in $[ ].\n\n" +
		"  ::echo size $[end-start]\n",
	"eval": "Run a string as commands; in a pipe once for each element, which is dot.\n\n" +
		"  ::walk thread | ::eval \"<thread=X\"\n",
	"files":   "List the source files that the symbol table names, of all objects or of one.\n",
	"formats": "List the characters of format lists with what they take and print.\n",
	"grep": "Pass on the elements of a pipe for which an expression is not zero. Dot is the\n" +
		"element.\n\n  list_head::list node_t next | ::grep \".>7f0000000000\"\n",
	"help": "Say what a command does, or how commands are made.\n",
	"list": "Print the address given and then of each element that the member leads to, until\n" +
		"a null pointer or the first element again; a link that cannot be read and a loop\n" +
		"end the list with a message that names the address. $[offset] instead of type\n" +
		"and member does without a type. The last word names a variable that keeps the\n" +
		"element's address through the pipe.\n\n" +
		"  *head::list node_t next | ::print node_t v\n",
	"map": "Pass on the value of an expression for each element of a pipe, which is dot.\n\n" +
		"  ::walk thread | ::map .+8\n",
	"mappings": "List the mapped ranges of the address space: all, the one that holds the address,\n" +
		"or those of an object.\n",
	"nmdel":    "Remove a name that ::nmadd made.\n",
	"offsetof": "Print where a member lies in a structure, in bytes, with bits after a dot.\n",
	"quit":     "Leave the debugger.\n",
	"setenv":   "Change the environment of a process that is to be run.\n",
	"unsetenv": "Change the environment of a process that is to be run.\n",
	"sizeof":   "Print the size of a type in bytes: ::sizeof int, ::sizeof struct node.\n",
	"term":     "Print the type of the terminal.\n",
	"tls": "Print the address that a thread-local variable has in the thread whose id is the\n" +
		"address.\n",
	"typelist": "List the named types of every object, then those of ::typedef.\n",
	"typeset":  "Create variables, and set or clear their tag. Without words list them all.\n",
	"unload":   "Take a module's commands and walkers out again.\n",
	"unset":    "Remove variables.\n",
	"version":  "Print the debugger's version.\n",
	"xdata":    "List the blobs of data that the target exports, with their sizes.\n",
	"run":      "Start the program with arguments. Targets that cannot run say so.\n",
	"attach":   "Take a process or core as the target.\n",
	"cont":     "Let the target run until an event stops it.\n",
	"kill":     "End the process.\n",
	"next":     "Run one instruction, a call as a whole.\n",
	"step":     "Run one instruction; over: a call as a whole; out: until the function returns.\n",
	"release":  "Let the process go.\n",
	":A":       "The same as ::attach.\n", ":R": "The same as ::release.\n", ":c": "The same as ::cont.\n",
	":e": "The same as ::next.\n", ":k": "The same as ::kill.\n", ":r": "The same as ::run.\n",
	":s": "The same as ::step.\n", ":u": "The same as ::step out.\n",
}
