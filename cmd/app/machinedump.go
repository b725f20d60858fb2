package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/targets/elfcore"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// machineFiles tells whether the operands are a dump of a machine's memory: its file,
// or files if it was split, and at most one kernel with debug data among them, in any
// order, as users of crash give them.
func machineFiles(args []string) (dumps []string, vmlinux string, ok bool) {
	for _, path := range args {
		switch kind := machineFile(path); {
		case kind == isMachineDump:
			dumps = append(dumps, path)
		case kind == isKernelFile && vmlinux == "" && len(args) > 1:
			vmlinux = path
		default:
			return nil, "", false
		}
	}
	return dumps, vmlinux, len(dumps) > 0
}

// What an operand may be.
const (
	isOther = iota
	isMachineDump
	isKernelFile
)

func machineFile(path string) int {
	if path == linuxdump.KcorePath {
		return isMachineDump // to say why not, where it cannot be opened
	}
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return isOther
	}
	f, err := os.Open(path)
	if err != nil {
		return isOther
	}
	defer f.Close()
	if linuxdump.Probe(f, st.Size()) {
		return isMachineDump
	}
	head := make([]byte, headSize)
	n, _ := f.ReadAt(head, 0)
	if isELF(head[:n]) {
		return isKernelFile
	}
	if elfcore.Compressed(head[:n]) != "" {
		if b := elfcore.Peek(path, peekSize); linuxdump.Probe(bytes.NewReader(b), int64(len(b))) {
			return isMachineDump
		}
	}
	return isOther
}

// peekSize is how much of a compressed file tells whether it is a dump: enough for the
// headers and notes of most.
const peekSize = 1 << 20

// machineDump opens the memory of a machine.
func (a *app) machineDump(ctx context.Context, dumps []string, vmlinux string) (core.Target, error) {
	if a.c.write {
		a.s.Warnf("%s: dumps are not writable; opened for reading", dumps[0])
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	o := linuxdump.Options{Vmlinux: vmlinux, Progress: progress("reading " + dumps[0])}
	if s, err := store.Open("", 0); err == nil {
		o.Cache = s
	}
	t, err := openDump(ctx, dumps, o)
	if err != nil {
		return nil, fmt.Errorf("failed to open %s: %s", dumps[0], core.Reason(err))
	}
	return t, nil
}

func openDump(ctx context.Context, dumps []string, o linuxdump.Options) (core.Target, error) {
	if _, err := os.Stat(dumps[0]); err != nil {
		return nil, err
	}
	if linuxdump.IsKcore(dumps[0]) {
		return orNil(linuxdump.OpenKcore(ctx, dumps[0], o))
	}
	head, err := headOf(dumps[0])
	if err != nil {
		return nil, err
	}
	if len(dumps) == 1 && elfcore.Compressed(head) != "" {
		return unpacked(ctx, dumps[0], o)
	}
	return orNil(linuxdump.Open(ctx, dumps, o))
}

// unpacked opens a dump that is compressed as a file: it is decompressed first.
func unpacked(ctx context.Context, path string, o linuxdump.Options) (core.Target, error) {
	u, err := elfcore.Unpack(ctx, path, func([]byte) bool { return true }, o.Progress)
	if err != nil {
		return nil, err
	}
	t, err := linuxdump.OpenAt(ctx, path, u, u.Size, o)
	if err != nil {
		u.Close()
		return nil, err
	}
	t.Hold(u)
	if u.Cut != nil {
		t.Warn("%s", u.Cut.Error())
	}
	return t, nil
}

// memoryFile opens what -g mem: names: FILE[,hole=SIZE|none], memory and nothing else.
func (a *app) memoryFile(ctx context.Context, spec string) (core.Target, error) {
	path, o, err := linuxdump.ParseMemory(spec)
	if err != nil {
		return nil, err
	}
	if machineFile(path) == isMachineDump {
		return nil, errors.New("this is a dump with a format of its own: name it without -g")
	}
	t, err := linuxdump.OpenMemory(ctx, path, o)
	if err != nil {
		return nil, errors.New(core.Reason(err))
	}
	return t, nil
}
