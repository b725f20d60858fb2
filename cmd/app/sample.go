package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/sample"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// openSample unpacks the built-in sample into a directory of its own, which goes
// when the program ends, and opens it.
func (a *app) openSample() error {
	dir, err := os.MkdirTemp("", "xmdb-sample-")
	if err != nil {
		return err
	}
	a.undo = append(a.undo, func() { os.RemoveAll(dir) })
	exe := filepath.Join(dir, "sample")
	dump := filepath.Join(dir, "core")
	if err := unpack("sample.exe.zst", exe); err != nil {
		return err
	}
	if err := unpack("sample.core.zst", dump); err != nil {
		return err
	}
	t, err := elfcore.Open(context.Background(), dump, elfcore.Options{Program: exe, Files: system.NewFiles("")})
	if err != nil {
		return err
	}
	a.attach(t)
	return nil
}

func unpack(name, path string) error {
	packed, err := sample.Files.ReadFile(name)
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, z); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// stop is one command of the tour and what to say before it.
type stop struct{ say, cmd string }

var theTour = []stop{
	{"A job server died. What is there to look at?", "::status"},
	{"Where did it die? Frame pointers, functions, arguments.", "$C"},
	{"What were its threads doing?", "::walk thread | ::findstack"},
	{"Which job was it at? Members by name, from the program's own type data.", "queue::print queue_t head done"},
	{"The queue is a linked list: walk it by its type and print members of each job.",
		`queue::print queue_t head | ::list job_t next | ::printf "%3d  %-10s %-9s image %p\n" job_t id kind owner image`},
	{"A command written in Lua for this very program: its hash table of users.", "::load sample"},
	{"", "::users"},
}

// tour runs the commands of the tour, each echoed after the prompt.
func (a *app) tour(ctx context.Context) {
	fmt.Println("This is xmdb on its built-in sample: the core of a small program.")
	for _, s := range theTour {
		if s.say != "" {
			fmt.Printf("\n// %s\n", s.say)
		}
		a.s.Out.Flush()
		fmt.Printf("%s%s\n", a.s.Opts.Prompt, s.cmd)
		a.s.Eval.Eval(ctx, a.s, s.cmd)
		a.s.Out.Flush()
	}
	if a.tty {
		fmt.Println("\n// Your turn: ::help, ::dcmds, and $q to leave.")
	}
}
