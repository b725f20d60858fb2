package app

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/fixtures/sample"
	"github.com/xmdb/xmdb/lua"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/glibc"
	"github.com/xmdb/xmdb/modules/golang"
	"github.com/xmdb/xmdb/modules/krtld"
	"github.com/xmdb/xmdb/modules/libc"
	"github.com/xmdb/xmdb/modules/libproc"
	"github.com/xmdb/xmdb/modules/libumem"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/mdbks"
	"github.com/xmdb/xmdb/modules/unix"
	"github.com/xmdb/xmdb/modules/vm"
	"github.com/xmdb/xmdb/modules/zfs"
)

// builtins are the modules compiled in, in the order in which names are found.
func builtins() []*core.Module {
	return []*core.Module{dcmds.Module(), mdbks.Module(), krtld.Module(), genunix.Module(), unix.Module(), zfs.Module(), vm.Module(), linux.Module(), glibc.Module(),
		libc.Module(), libproc.Module(), libumem.Module(), golang.Module()}
}

// scripts makes the Lua modules of the program available, and those that ::load
// finds in files. The sample process's own module comes along with it.
func (a *app) scripts() {
	var extra []lua.Source
	if a.c.sample == sampleProcess {
		extra = append(extra, lua.Source{File: "sample.lua", Text: sample.Users})
	}
	a.s.Finder = lua.Finder(a.s, nil, extra...)
	ms, err := lua.Modules(a.s)
	if err != nil {
		a.s.Warnf("%s", err.Error())
	}
	a.s.Available = append(a.s.Available, ms...)
}

// activate tells the modules that wait for a target what it holds.
func (a *app) activate() { a.s.LoadSuitable() }
