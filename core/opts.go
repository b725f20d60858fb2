package core

// ParseOpts reads the options of a stage's arguments by the dcmd's declaration
// and leaves the rest in c.Args. The rules are mdb_getopts's: letters cluster; a
// value is glued or the next argument; "-", "--" and the first word that is no
// option end the parsing and are not consumed. A bad option is reported and gives
// ErrUsage.
func (c *Ctx) ParseOpts() error {
	args := c.Stage.RawArgs
	c.Stage.opts = [128]optVal{}
	i := 0
	for ; i < len(args); i++ {
		a := args[i]
		if a.IsImm || len(a.Str) < 2 || a.Str[0] != '-' || a.Str[1] == '-' {
			break
		}
		word := a.Str[1:]
		for len(word) > 0 {
			l := word[0]
			word = word[1:]
			o := c.Dcmd.opt(l)
			if o == nil {
				c.Warnf("illegal option -- %c", l)
				return ErrUsage
			}
			switch o.Kind {
			case Flag:
				c.Stage.opts[l].set = true
				continue
			case Clear:
				c.Stage.opts[o.Of].set = false
				continue
			}
			var val Arg
			switch {
			case word != "":
				val, word = Arg{Str: word}, ""
			case i+1 < len(args):
				i++
				val = args[i]
			default:
				c.Warnf("option requires an argument -- %c", l)
				return ErrUsage
			}
			if err := c.setOpt(o, val); err != nil {
				return err
			}
		}
	}
	c.Args = args[i:]
	return nil
}

func (c *Ctx) setOpt(o *Opt, val Arg) error {
	v := optVal{set: true, str: val.Str, n: val.Imm}
	switch o.Kind {
	case Str:
		if val.IsImm {
			c.Warnf("string argument required for -%c", o.Letter)
			return ErrUsage
		}
	case Uint:
		if !val.IsImm {
			n, err := c.Strtoull(val.Str)
			if err != nil {
				return err
			}
			v.n = n
		}
	}
	c.Stage.opts[o.Letter] = v
	return nil
}

func (d *Dcmd) opt(l byte) *Opt {
	for i := range d.Opts {
		if d.Opts[i].Letter == l && l < 128 {
			return &d.Opts[i]
		}
	}
	return nil
}

// Opt tells whether an option was given.
func (c *Ctx) Opt(l byte) bool { return c.Stage.opts[l].set }

// OptUint is the number given with an option; set is false if it was not given.
func (c *Ctx) OptUint(l byte) (v uint64, set bool) { return c.Stage.opts[l].n, c.Stage.opts[l].set }

// OptStr is the string given with an option.
func (c *Ctx) OptStr(l byte) (v string, set bool) { return c.Stage.opts[l].str, c.Stage.opts[l].set }
