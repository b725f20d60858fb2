package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/line"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/targets/elfcore"
	"github.com/xmdb/xmdb/targets/illumosdump"
	"github.com/xmdb/xmdb/targets/linuxdump"
	"github.com/xmdb/xmdb/targets/objfile"
	"github.com/xmdb/xmdb/targets/rawfile"
)

// open opens the target that the command line asks for.
func (a *app) open(ctx context.Context) int {
	t, err := a.target(ctx)
	if err == nil && t == nil {
		return exitOK // a session without a target
	}
	if err != nil {
		var ue *usageError
		if errors.As(err, &ue) {
			return badUsage(a.c, err)
		}
		return report(a.c, err)
	}
	a.attach(t)
	a.control()
	if len(a.c.run) > 0 {
		return a.startNow(ctx)
	}
	return exitOK
}

// files finds programs and libraries below a root, with their debug data.
func (a *app) files(root string) *system.Files {
	files := system.NewFiles(root)
	files.DWARF = a.debugOptions()
	files.Finder.Remote = a.remoteFiles()
	return files
}

// attach makes t the session's target and says what the user should know of it.
func (a *app) attach(t core.Target) {
	if l, ok := t.(core.Live); ok {
		a.adopt(l)
	} else {
		if err := a.s.Attach(context.Background(), t); err != nil {
			a.s.Warnf("%s", err.Error())
		}
		a.undo = append(a.undo, func() { t.Close() })
	}
	if w, ok := t.(core.Warner); ok {
		a.warnings(w)
	}
	a.s.Recognised = a.provide
	a.provide(a.s.Context().System)
}

// provide gives the system that was found in the target what the user has for it, and
// says what the user should know of it.
func (a *app) provide(sys any) {
	if k, ok := sys.(*system.LinuxKernel); ok {
		a.kernelFiles(k)
	}
	if w, ok := sys.(core.Warner); ok {
		a.warnings(w)
	}
}

func (a *app) warnings(w core.Warner) {
	for _, text := range w.Warnings() {
		a.s.Warnf("%s", text)
	}
}

// kernelFiles tells a Linux kernel where its debug data may be. It is not asked for over
// the network: a kernel's has hundreds of megabytes.
func (a *app) kernelFiles(k *system.LinuxKernel) {
	files := a.files(a.c.root)
	files.Finder.Remote = nil
	vmlinux := ""
	if t, ok := k.Memory().(interface{ Vmlinux() string }); ok {
		vmlinux = t.Vmlinux()
	}
	k.UseFiles(files, vmlinux)
}

// target decides by the options and by what the operands are.
func (a *app) target(ctx context.Context) (core.Target, error) {
	c := a.c
	args := c.operands
	switch {
	case c.loadKMDB || c.unloadKMDB:
		return nil, errors.New("-F must also be supplied to start kmdb from non-console tty")
	case c.hasBhyve:
		return nil, errors.New("failed to initialize target: Operation not supported")
	case c.hasPid:
		return a.grabTarget(ctx, args)
	case c.hasMachine:
		return a.machineTarget(ctx, args)
	case len(c.run) > 0:
		return a.runTarget(args)
	}
	if c.kernel && len(args) == 0 {
		args = []string{linuxdump.KcorePath} // the kernel that runs here
	}
	if !c.raw && !c.user {
		if dumps, vmlinux, ok := machineFiles(args); ok {
			return a.machineDump(ctx, dumps, vmlinux)
		}
	}
	switch {
	case len(args) > 2:
		return nil, &usageError{msg: "too many operands"}
	case len(args) == 0:
		return nil, nil
	case c.raw:
		return a.raw(args)
	case len(args) == 1 && isSuffix(args[0]):
		return a.suffix(ctx, args[0])
	}
	head, err := headOf(args[0])
	if err != nil {
		return nil, err
	}
	files := a.files(c.root)
	switch {
	case len(args) == 2 && isDump(args[1]):
		return a.dump(ctx, args[1], args[0])
	case len(args) == 2:
		return a.objectAndCore(ctx, head, files)
	case isDump(args[0]) && !c.user:
		return a.dump(ctx, args[0], "")
	case elfcore.Probe(head) || elfcore.Compressed(head) != "" && !c.kernel:
		t, err := a.core(ctx, args[0], "", files)
		if !errors.Is(err, elfcore.ErrNotCore) {
			return t, err
		}
	case isELF(head):
		t, err := objfile.Open(args[0], files, c.write)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	if c.kernel || c.user {
		return nil, fmt.Errorf("%s is not an ELF file", args[0])
	}
	return a.raw(args)
}

// objectAndCore opens a program with its core.
func (a *app) objectAndCore(ctx context.Context, head []byte, files *system.Files) (core.Target, error) {
	obj, dump := a.c.operands[0], a.c.operands[1]
	if _, err := os.Stat(dump); err != nil {
		return nil, fmt.Errorf("failed to access %s: %s", dump, core.Reason(err))
	}
	t, err := a.core(ctx, dump, obj, files)
	if !errors.Is(err, elfcore.ErrNotCore) {
		return t, err
	}
	if !isELF(head) || a.c.kernel {
		return nil, errors.New("cannot read dump header\n" + a.c.prog + ": failed to initialize target: No such file or directory")
	}
	return nil, fmt.Errorf("%s is not a core file", dump)
}

func (a *app) core(ctx context.Context, path, program string, files *system.Files) (core.Target, error) {
	if program != "" {
		if _, err := headOf(program); err != nil {
			return nil, err
		}
	}
	if a.c.write {
		a.s.Warnf("%s: core files are not writable; opened for reading", path)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	a.statement = ctx // what opening starts ends with it, too
	defer func() { a.statement = nil }()
	t, err := elfcore.OpenProcess(ctx, path, elfcore.Options{Program: program, Files: files, Progress: progress("reading " + path)})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (a *app) raw(args []string) (core.Target, error) {
	second := ""
	if len(args) == 2 {
		second = args[1]
	}
	t, err := rawfile.Open(args[0], second, a.c.write)
	if err != nil {
		return nil, openError(args[0], err)
	}
	return t, nil
}

// suffix is what `xmdb N` means: unix.N and vmcore.N, else vmdump.N.
func (a *app) suffix(ctx context.Context, n string) (core.Target, error) {
	unix, vmcore, vmdump := "unix."+n, "vmcore."+n, "vmdump."+n
	if exists(vmdump) && !exists(vmcore) {
		return a.dump(ctx, vmdump, "")
	}
	if exists(vmcore) && !exists(unix) && !a.c.asMDB {
		return a.dump(ctx, vmcore, "") // it has the symbols, too
	}
	for _, name := range []string{unix, vmcore} {
		if _, err := os.Stat(name); err != nil {
			return nil, openError(name, err)
		}
	}
	return a.dump(ctx, vmcore, unix)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// isDump tells whether a file is a kernel crash dump.
func isDump(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return illumosdump.Probe(f, st.Size())
}

// dump opens a crash dump, whose symbols unix has if it is not "".
func (a *app) dump(ctx context.Context, path, unix string) (core.Target, error) {
	if a.c.write {
		a.s.Warnf("%s: crash dumps are not writable; opened for reading", path)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	o := dumpOptions(path)
	o.Unix = unix
	t, err := illumosdump.Open(ctx, path, o)
	if err != nil {
		return nil, openError(path, err)
	}
	return t, nil
}

// dumpOptions are those of every crash dump: its index is kept in the user's cache.
func dumpOptions(name string) illumosdump.Options {
	o := illumosdump.Options{Progress: progress("reading " + name)}
	if s, err := store.Open("", 0); err == nil {
		o.Cache = s
	}
	return o
}

func isELF(head []byte) bool { return strings.HasPrefix(string(head), "\x7fELF") }

func isSuffix(name string) bool {
	if _, err := os.Stat(name); err == nil {
		return false
	}
	return name != "" && strings.Trim(name, "0123456789") == ""
}

// headSize is how much of a file tells its kind, bytes.
const headSize = 64

// headOf reads the first bytes of a file, by which its kind is told.
func headOf(path string) ([]byte, error) {
	// To open a named pipe would wait for its writer.
	if st, err := os.Stat(path); err == nil && st.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		return nil, fmt.Errorf("failed to open %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if n == 0 && err != nil {
		if st, serr := f.Stat(); serr == nil && st.IsDir() {
			return nil, fmt.Errorf("failed to open %s: Is a directory", path)
		}
	}
	return head[:n], nil
}

func openError(path string, err error) error {
	return fmt.Errorf("failed to open %s: %s", path, core.Reason(err))
}

// progress draws how far long work has come on a terminal's standard error, from
// its second second on.
func progress(what string) func(done, total int64) {
	if !line.IsTerminal(os.Stderr) {
		return nil
	}
	start, last := time.Now(), time.Time{}
	return func(done, total int64) {
		now := time.Now()
		if done >= total && !last.IsZero() {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
			return
		}
		if now.Sub(start) < time.Second || now.Sub(last) < 100*time.Millisecond || total <= 0 {
			return
		}
		last = now
		fmt.Fprintf(os.Stderr, "\r%s: %d%%\x1b[K", what, 100*done/total)
	}
}
