package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/sample"
	"github.com/xmdb/xmdb/targets/elfcore"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

// sampleKind is which of the built-in samples is opened.
type sampleKind string

// What --sample= names; without a name it is the dump.
const (
	noSample      sampleKind = ""
	sampleDump    sampleKind = "dump"
	sampleProcess sampleKind = "process"
)

func (a *app) openSample(ctx context.Context) error {
	if a.c.sample == sampleProcess {
		return a.openSampleProcess(ctx)
	}
	t, err := illumosdump.OpenAt(ctx, sample.Name, bytes.NewReader(sample.Vmdump), int64(len(sample.Vmdump)), dumpOptions(sample.Name))
	if err != nil {
		return err
	}
	a.attach(t)
	return nil
}

// openSampleProcess unpacks a program and its core into a directory of their own, which
// goes when this program ends, and opens them.
func (a *app) openSampleProcess(ctx context.Context) error {
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
	t, err := elfcore.Open(ctx, dump, elfcore.Options{Program: exe, Files: system.NewFiles("")})
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

// stop is one command of a tour and what to say before it, in lines.
type stop struct{ say, cmd string }

var dumpTour = []stop{
	{"A SmartOS node has panicked. This is its dump as the kernel wrote it, compressed.", "::status"},
	{"Where? The panicking thread's stack, by the kernel's own symbols: ZFS' deadman,\non an interrupt of the clock.", "$C"},
	{"The pools and their disks. A mirror of zones had lost one of its two.", "::spa -v"},
	{"Which I/O is stuck, since when, and who waits for it? A write to the disk that\nwas left; the sync of the pool.", "::zio_stuck"},
	{"Who else is held up? Those that want a file on disk, each stack once: one waits\nfor the sync, two for a lock.", "::stacks -c zil_commit"},
	{"Does that one hold the lock? From the threads to what they wait for, and to its\nowner.",
		"::stacks -c mutex_vector_enter -m zfs | ::print kthread_t t_lwpchan.lc_wchan | ::uniq | ::mutex"},
	{"Whose writes wait for a transaction group? A virtual machine's. Members by name,\nfrom the types in the dump.",
		"::stacks -c dmu_tx_wait | ::print kthread_t t_procp | ::print -t proc_t p_user.u_psargs p_pidp->pid_id p_lwpcnt p_zone->zone_name"},
	{"The host's virtual machines.", "::vm"},
	{"All pages are in this dump, those of the guests, too. Into the one that waits. A\nkernel would be recognised; this one runs a little program.", "::guest SYSbhyve-3"},
	{"What was its first processor at? Its registers; its code, by its own page table.", "$r"},
	{"", "<rip::dis -n 6"},
	{"And out again.", "::guest -"},
}

var processTour = []stop{
	{"A job server died. What is there to look at?", "::status"},
	{"Where did it die? Frame pointers, functions, arguments.", "$C"},
	{"What were its threads doing?", "::walk thread | ::findstack"},
	{"Which job was it at? Members by name, from the program's own type data.", "queue::print queue_t head done"},
	{"The queue is a linked list: walk it by its type and print members of each job.",
		`queue::print queue_t head | ::list job_t next | ::printf "%3d  %-10s %-9s image %p\n" job_t id kind owner image`},
	{"A command written in Lua for this very program: its hash table of users.", "::load sample"},
	{"", "::users"},
}

// What to try next.
const (
	dumpNext = `::msgbuf, ::zfs_dbgmsg, ::zfs_datasets, ::vcpu, ::cpuinfo -v,
// ::zone, ::ptree, ::memstat, ::pgrep sshd | ::pfiles,
// ::walk thread | ::findstack -v, ::help, ::dcmds; $q leaves.`
	processNext = "::help, ::dcmds, and $q to leave."
)

// tour runs the commands of the tour, each echoed after the prompt.
func (a *app) tour(ctx context.Context) {
	stops, what, next := dumpTour, "the crash dump of an illumos kernel", dumpNext
	if a.c.sample == sampleProcess {
		stops, what, next = processTour, "the core of a small program", processNext
	}
	fmt.Printf("This is xmdb on its built-in sample: %s.\n", what)
	for _, s := range stops {
		if s.say != "" {
			fmt.Printf("\n// %s\n", strings.ReplaceAll(s.say, "\n", "\n// "))
		}
		a.s.Out.Flush()
		fmt.Printf("%s%s\n", promptOf(a.s), s.cmd)
		a.s.Eval.Eval(ctx, a.s, s.cmd)
		a.s.Out.Flush()
	}
	if a.tty {
		fmt.Print("\n// Your turn: " + next + "\n")
	}
}
