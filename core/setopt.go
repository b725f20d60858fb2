package core

import (
	"errors"
	"fmt"
	"strings"
)

// Set sets or clears the debugger option that word names: "pager",
// "array_mem_limit=none".
func (o *Options) Set(word string, on bool) error {
	name, val, has := strings.Cut(word, "=")
	if p := o.boolean(name); p != nil {
		if has {
			return fmt.Errorf("option does not accept an argument -- %s", name)
		}
		if p == &o.NoShell && o.NoShell && !on {
			return errors.New("noshell cannot be taken back") // a script would
		}
		*p = on
		if name == "adb" {
			o.RepeatLast, o.Pager, o.NoMods = on, !on, on
			if on {
				o.Prompt = ""
			} else if o.Prompt == "" {
				o.Prompt = "> "
			}
		}
		return nil
	}
	set := o.valued(name)
	if set == nil {
		return fmt.Errorf("invalid debugger option -- %s", name)
	}
	if !has {
		return fmt.Errorf("option requires an argument -- %s", name)
	}
	if !set(val) {
		return fmt.Errorf("invalid argument for option %s -- %s", name, val)
	}
	return nil
}

func (o *Options) boolean(name string) *bool {
	switch name {
	case "adb":
		return &o.Adb
	case "autowrap":
		return &o.Autowrap
	case "ignoreeof":
		return &o.IgnoreEOF
	case "latest":
		return &o.Latest
	case "lmraw":
		return &o.LMRaw
	case "noctf":
		return &o.NoCTF
	case "nomods":
		return &o.NoMods
	case "pager":
		return &o.Pager
	case "repeatlast":
		return &o.RepeatLast
	case "showlmid":
		return &o.ShowLMID
	case "stop_on_bpt_nosym":
		return &o.StopOnBptNosym
	case "write_readback":
		return &o.WriteReadback
	case "allow_io_access":
		return &o.AllowIO
	case "nostop":
		return &o.NoStop
	}
	if !o.MDB {
		switch name {
		case "json":
			return &o.JSON
		case "noshell":
			return &o.NoShell
		}
	}
	return nil
}

func (o *Options) valued(name string) func(val string) bool {
	limit := func(p *uint64) func(string) bool {
		return func(val string) bool {
			if val == "none" {
				*p = NoLimit
				return true
			}
			n, err := Strtoull(val, o.Radix)
			if err == nil {
				*p = n
			}
			return err == nil
		}
	}
	choice := func(p *string, words ...string) func(string) bool {
		return func(val string) bool {
			for _, w := range words {
				if w == val {
					*p = val
					return true
				}
			}
			return false
		}
	}
	switch name {
	case "array_mem_limit":
		return limit(&o.ArrayMemLimit)
	case "array_str_limit":
		return limit(&o.ArrayStrLimit)
	case "follow_exec_mode":
		return choice(&o.FollowExec, "ask", "stop", "follow")
	case "follow_fork_mode":
		return choice(&o.FollowFork, "ask", "parent", "child")
	case "term":
		return func(val string) bool { o.Term = val; return val != "" }
	}
	return nil
}

// maxPrompt is the longest prompt MDB takes, in characters.
const maxPrompt = 35

// SetPrompt sets the prompt.
func (o *Options) SetPrompt(p string) error {
	if len(p) > maxPrompt {
		return fmt.Errorf("prompt may not exceed %d characters", maxPrompt)
	}
	o.Prompt = p
	return nil
}
