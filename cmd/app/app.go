package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/xmdb/xmdb/core"
)

// Version is the program's version, as ::version prints it.
const Version = core.Version

// Exit statuses.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// Main runs the program with the built-in modules and extra ones compiled in,
// and ends the process.
func Main(extra ...*core.Module) {
	thriftyGC()
	os.Exit(Run(os.Args, extra...))
}

// Run is Main without the exit: args as os.Args.
func Run(args []string, extra ...*core.Module) int {
	if isSubcommand(args) {
		return subcommands[args[1]](args[2:])
	}
	if len(args) == 3 && args[1] == letGoFlag {
		return letGo(args[2])
	}
	c, err := parseArgs(args)
	if err != nil {
		return badUsage(c, err)
	}
	switch {
	case c.help:
		usage(os.Stdout, c)
		return exitOK
	case c.version:
		fmt.Printf("%s %s\n", c.prog, Version)
		return exitOK
	case c.internal != "":
		return report(c, genDocs(c.internal, extra))
	}
	a := newApp(c, extra)
	defer a.close()
	return a.run(context.Background())
}

func badUsage(c *config, err error) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", c.prog, err)
	var ue *usageError
	if errors.As(err, &ue) && !ue.quiet {
		usage(os.Stderr, c)
	}
	return exitUsage
}

func report(c *config, err error) int {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.prog, err)
		return exitFail
	}
	return exitOK
}
