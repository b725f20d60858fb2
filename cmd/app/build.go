package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// modulePath is xmdb's own module.
const modulePath = "github.com/xmdb/xmdb"

const buildUsage = `Usage: xmdb build [--source DIR] [--with MODULE=PATH] ... [-o FILE]

        --source   the source of xmdb; this directory if not given
        --with     a Go module to compile in: its module path and where it is.
                   Its package at the top has func Module() *core.Module
        -o         the program to write; ./xmdb if not given
`

// subcommands are the words that count as the first of a command line, and what
// runs the rest of it.
var subcommands = map[string]func(args []string) int{
	"build":    runBuild,
	"savecore": runSavecore,
}

// isSubcommand tells whether the first word is a subcommand: only under xmdb's own
// name, and only if no file has that name.
func isSubcommand(args []string) bool {
	if len(args) < 2 || base(args[0]) == "mdb" || subcommands[args[1]] == nil {
		return false
	}
	_, err := os.Stat(args[1])
	return errors.Is(err, os.ErrNotExist)
}

// buildPlan is what `xmdb build` is asked for.
type buildPlan struct {
	source, out string
	with        []withModule
}

type withModule struct{ path, dir string }

func parseBuild(args []string) (*buildPlan, error) {
	p := &buildPlan{source: ".", out: "xmdb"}
	for len(args) > 0 {
		name, val, glued := strings.Cut(args[0], "=")
		args = args[1:]
		switch name {
		case "--source", "--with", "-o":
		default:
			return nil, fmt.Errorf("illegal option -- %s", name)
		}
		if !glued {
			if len(args) == 0 {
				return nil, fmt.Errorf("option requires an argument -- %s", name)
			}
			val, args = args[0], args[1:]
		}
		switch name {
		case "--source":
			p.source = val
		case "-o":
			p.out = val
		default:
			path, dir, ok := strings.Cut(val, "=")
			if !ok || path == "" || dir == "" {
				return nil, fmt.Errorf("--with takes MODULE=PATH, not %s", val)
			}
			p.with = append(p.with, withModule{path, dir})
		}
	}
	return p, nil
}

// runBuild makes an xmdb with more modules: a main package of its own in a
// temporary module that takes xmdb and them from their directories, compiled by
// the go command.
func runBuild(args []string) int {
	p, err := parseBuild(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "xmdb: %v\n%s", err, buildUsage)
		return exitUsage
	}
	if err := p.build(); err != nil {
		fmt.Fprintf(os.Stderr, "xmdb: %v\n", err)
		return exitFail
	}
	return exitOK
}

func (p *buildPlan) build() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("xmdb build needs the go command, which is not on the PATH")
	}
	source, err := p.checkSource()
	if err != nil {
		return err
	}
	out, err := filepath.Abs(p.out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "xmdb-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := p.write(dir, source); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-trimpath", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", p.out, err)
	}
	return nil
}

// checkSource finds xmdb's source and tells a directory that is something else.
func (p *buildPlan) checkSource() (string, error) {
	dir, err := filepath.Abs(p.source)
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.HasPrefix(string(mod), "module "+modulePath+"\n") {
		return "", fmt.Errorf("%s is not the source of xmdb: give its directory with --source", p.source)
	}
	return dir, nil
}

// write makes the temporary module. It requires what xmdb requires, at the same
// versions, so that no other is looked for.
func (p *buildPlan) write(dir, source string) error {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return err
	}
	_, requires, _ := strings.Cut(string(mod), "\n")
	var gomod, imports, modules strings.Builder
	fmt.Fprintf(&gomod, "module xmdb.build\n%s\n", requires)
	need := func(path, at string) {
		fmt.Fprintf(&gomod, "require %s v0.0.0\nreplace %s => %s\n", path, path, at)
	}
	need(modulePath, source)
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return err
	}
	for i, w := range p.with {
		at, err := filepath.Abs(w.dir)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err != nil {
			return fmt.Errorf("%s is not the directory of a Go module: it has no go.mod", w.dir)
		}
		need(w.path, at)
		fmt.Fprintf(&imports, "\tm%d %q\n", i, w.path)
		fmt.Fprintf(&modules, "m%d.Module(), ", i)
		if more, err := os.ReadFile(filepath.Join(at, "go.sum")); err == nil {
			sums = append(sums, more...)
		}
	}
	text := fmt.Sprintf("package main\n\nimport (\n\t%q\n%s)\n\nfunc main() { app.Main(%s) }\n",
		modulePath+"/cmd/app", imports.String(), strings.TrimSuffix(modules.String(), ", "))
	for name, data := range map[string]string{"go.mod": gomod.String(), "go.sum": string(sums), "main.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			return err
		}
	}
	return nil
}
