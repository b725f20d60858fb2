package linux

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
)

// completer gives what a word of a command may become.
type completer func(s *core.Session, args []string, word string) []core.Candidate

// afterOptions completes the word behind one of some options.
func afterOptions(options map[string]completer) completer {
	return func(s *core.Session, args []string, word string) []core.Candidate {
		if len(args) == 0 || options[args[len(args)-1]] == nil {
			return nil
		}
		return options[args[len(args)-1]](s, args, word)
	}
}

// oneOf completes to one of some words.
func oneOf(words ...string) completer {
	return func(_ *core.Session, _ []string, word string) (found []core.Candidate) {
		for _, w := range words {
			if strings.HasPrefix(w, word) {
				found = append(found, core.Candidate{Text: w})
			}
		}
		return found
	}
}

// completeStacks completes the arguments of ::stacks' filters.
func completeStacks() completer {
	kinds := []string{"ALL"}
	for _, k := range sobjs {
		kinds = append(kinds, k.name)
	}
	states := []string{"panic"}
	for _, s := range threadStates {
		states = append(states, strings.ToLower(s))
	}
	slices.Sort(kinds)
	slices.Sort(states)
	return afterOptions(map[string]completer{
		"-s": oneOf(kinds...), "-S": oneOf(kinds...), "-t": oneOf(states...), "-T": oneOf(states...), "-m": completeModule, "-M": completeModule,
	})
}

// completeModule gives the names of loaded modules, and of the kernel itself.
func completeModule(s *core.Session, _ []string, word string) []core.Candidate {
	names := []string{system.LinuxObject}
	if k, err := kernelOf(s); err == nil {
		for _, m := range k.Modules() {
			names = append(names, m.Name)
		}
	}
	return oneOf(names...)(s, nil, word)
}
