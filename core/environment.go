package core

import (
	"os"
	"slices"
	"strings"
)

// The environment that a process is started with: the debugger's own, as changed by
// ::setenv and ::unsetenv.

func (x *Execution) environment() {
	if x.env != nil {
		return
	}
	x.env = map[string]string{}
	for _, e := range os.Environ() {
		if name, val, ok := strings.Cut(e, "="); ok && name != "" {
			x.Setenv(name, val)
		}
	}
}

// Environ lists the environment, "name=value", in the order it was set.
func (x *Execution) Environ() []string {
	x.environment()
	list := make([]string, len(x.envKeys))
	for i, k := range x.envKeys {
		list[i] = k + "=" + x.env[k]
	}
	return list
}

// Setenv sets a variable.
func (x *Execution) Setenv(name, val string) {
	x.environment()
	if _, ok := x.env[name]; !ok {
		x.envKeys = append(x.envKeys, name)
	}
	x.env[name] = val
}

// Unsetenv removes a variable, all of them if name is "".
func (x *Execution) Unsetenv(name string) {
	x.environment()
	if name == "" {
		clear(x.env)
		x.envKeys = nil
		return
	}
	delete(x.env, name)
	x.envKeys = slices.DeleteFunc(x.envKeys, func(k string) bool { return k == name })
}
