package app

import (
	"fmt"
	"strconv"
	"strings"
)

// config is a parsed command line.
type config struct {
	prog     string
	asMDB    bool // called as mdb: only mdb's options exist
	eval     string
	hasEval  bool
	operands []string

	raw, kernel, user, write   bool
	noModSyms, preload, noMods bool
	noRC, noctf, force         bool
	loadKMDB, unloadKMDB       bool
	ioAccess, cup              bool
	opts                       []optWord // -o and +o, in order
	debug                      string
	pid, bhyve                 string
	hasPid, hasBhyve           bool
	symDist                    uint64
	macroPath, modulePath      string
	prompt, root, dis          string
	hasPrompt                  bool

	// xmdb's own
	json, help, version bool
	sample              sampleKind
	noStop              bool
	machine             string // -g SPEC
	hasMachine, stop    bool
	run                 []string // --run PROGRAM ARGS
	internal            string   // --gen-docs DIR
}

type optWord struct {
	on   bool
	name string // a comma list
}

// usageError is a command line that cannot be used; quiet ones have no usage.
type usageError struct {
	msg   string
	quiet bool
}

func (e *usageError) Error() string { return e.msg }

// takesValue are mdb's option letters that take a value.
const (
	takesValue = "obpsILPRVeD"
	switches   = "fkmuwyACFKMOSUW"
)

// parseArgs reads the command line; args[0] is the program's name.
func parseArgs(args []string) (*config, error) {
	c := &config{prog: base(args[0])}
	c.asMDB = c.prog == "mdb"
	rest := args[1:]
	for len(rest) > 0 {
		a := rest[0]
		rest = rest[1:]
		switch {
		case a == "-":
			continue
		case a == "--":
			c.operands = append(c.operands, rest...)
			return c, c.check()
		case len(a) == 2 && a[0] == '+':
			if a[1] != 'o' {
				return c, quietly("illegal option -- %s", a)
			}
			if len(rest) == 0 {
				return c, quietly("option requires an argument -- %s", a)
			}
			c.opts = append(c.opts, optWord{false, rest[0]})
			rest = rest[1:]
		case !c.asMDB && strings.HasPrefix(a, "--"):
			used, err := c.long(a[2:], rest)
			if err != nil {
				return c, err
			}
			rest = rest[used:]
		case len(a) > 1 && a[0] == '-':
			used, err := c.short(a[1:], rest)
			if err != nil {
				return c, err
			}
			rest = rest[used:]
		default:
			c.operands = append(c.operands, a)
		}
	}
	return c, c.check()
}

// quietly is for command lines of which MDB says what is wrong and no more.
func quietly(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...), quiet: true}
}

// check looks at what contradicts itself.
func (c *config) check() error {
	switch {
	case strings.Contains(c.macroPath, ";"):
		return quietly("macro path cannot contain semicolons")
	case strings.Contains(c.modulePath, ";"):
		return quietly("module path cannot contain semicolons")
	case c.kernel && c.hasPid:
		return quietly("-p and -k options are mutually exclusive")
	case c.hasMachine && c.hasPid:
		return quietly("-g and -p options are mutually exclusive")
	case c.hasMachine && len(c.operands) > 1:
		return quietly("-g takes no operand but the kernel's own file (vmlinux, unix)")
	case c.stop && !c.hasMachine:
		return quietly("--stop is for -g")
	case c.hasPid && len(c.operands) > 0:
		return quietly("-p may not be used with other arguments")
	}
	return nil
}

// short reads a cluster of option letters; used is how many of the following
// words were values.
func (c *config) short(word string, rest []string) (used int, err error) {
	for word != "" {
		l := word[0]
		word = word[1:]
		switch {
		case l == '?':
			c.help = true
		case l == ':':
			return used, &usageError{msg: fmt.Sprintf("illegal option -- %c", l)}
		case strings.IndexByte(switches, l) >= 0:
			c.flag(l)
		case l == 'J' && !c.asMDB:
			c.json = true
		case l == 'h' && !c.asMDB:
			c.help = true
		case strings.IndexByte(takesValue, l) >= 0 || l == 'g' && !c.asMDB:
			val := word
			word = ""
			if val == "" {
				if used >= len(rest) {
					return used, &usageError{msg: fmt.Sprintf("option requires an argument -- %c", l)}
				}
				val = rest[used]
				used++
			}
			if err := c.value(l, val); err != nil {
				return used, err
			}
		default:
			return used, &usageError{msg: fmt.Sprintf("illegal option -- %c", l)}
		}
	}
	return used, nil
}

func (c *config) flag(l byte) {
	switch l {
	case 'f':
		c.raw = true
	case 'k':
		c.kernel = true
	case 'm':
		c.noModSyms = true
	case 'M':
		c.preload = true
	case 'u':
		c.user = true
	case 'w':
		c.write = true
	case 'y':
		c.cup = true
	case 'A':
		c.noMods = true
	case 'C':
		c.noctf = true
	case 'F':
		c.force = true
	case 'K':
		c.loadKMDB = true
	case 'U':
		c.unloadKMDB = true
	case 'S':
		c.noRC = true
	case 'W':
		c.ioAccess = true
	}
}

func (c *config) value(l byte, v string) error {
	switch l {
	case 'o':
		c.opts = append(c.opts, optWord{true, v})
	case 'b':
		c.bhyve, c.hasBhyve = v, true
	case 'p':
		c.pid, c.hasPid = v, true
	case 'g':
		if c.hasMachine {
			return &usageError{msg: "-g has already been specified"}
		}
		c.machine, c.hasMachine = v, true
	case 's':
		n, err := strconv.ParseUint(v, 0, 64)
		if err != nil {
			return &usageError{msg: "expected integer following -s", quiet: true}
		}
		c.symDist = n
	case 'e':
		if c.hasEval {
			return &usageError{msg: "-e has already been specified"}
		}
		c.eval, c.hasEval = v, true
	case 'D':
		c.debug = v
	case 'I':
		c.macroPath = v
	case 'L':
		c.modulePath = v
	case 'P':
		c.prompt, c.hasPrompt = v, true
	case 'R':
		c.root = v
	case 'V':
		c.dis = v
	}
	return nil
}

// long reads xmdb's own options.
func (c *config) long(word string, rest []string) (used int, err error) {
	name, val, glued := strings.Cut(word, "=")
	need := func() bool {
		if !glued && len(rest) > 0 {
			val, used = rest[0], 1
			return true
		}
		return glued
	}
	switch name {
	case "sample":
		if c.sample = sampleKind(val); !glued {
			c.sample = sampleDump
		} else if c.sample != sampleDump && c.sample != sampleProcess {
			return 0, &usageError{msg: "there is no sample " + val}
		}
	case "help":
		c.help = true
	case "version":
		c.version = true
	case "json":
		c.json = true
	case "no-stop":
		c.noStop = true
	case "stop":
		c.stop = true
	case "run":
		if !glued {
			c.run = rest
			used = len(rest)
		} else {
			c.run = append([]string{val}, rest...)
			used = len(rest)
		}
		if len(c.run) == 0 || c.run[0] == "" {
			return 0, &usageError{msg: "option requires a program -- run"}
		}
	case "gen-docs":
		if !need() {
			return 0, &usageError{msg: "option requires an argument -- gen-docs"}
		}
		c.internal = val
	default:
		return 0, &usageError{msg: "illegal option -- " + name}
	}
	return used, nil
}

func base(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		path = path[i+1:]
	}
	return strings.TrimSuffix(path, ".exe")
}
