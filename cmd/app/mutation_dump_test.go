package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/fixtures/illumos/dumpfile"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

// dumpCommands read what a kernel's dump has, each by other structures.
const dumpCommands = `::status
$C
::ps
::panicinfo
::msgbuf
::modinfo
::stacks
::zone
::cpuinfo -v
::walk proc | ::walk thread | ::count
::walk kmem_cache | ::count
practive::whatis
p0::print -t proc_t p_pidp p_user.u_comm
kas::vtop`

// TestMutatedDump: 2,000 damaged copies of a kernel's vmcore.N and vmdump.N.
func TestMutatedDump(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 damaged dumps take a minute (-short)")
	}
	vmcore := illumos.Vmcore(t, "node")
	for _, form := range []struct {
		name  string
		every int
		write func(d *dumpfile.Dump, b *bytes.Buffer) error
	}{
		{"vmcore", 1, nil},
		{"vmdump", 1, func(d *dumpfile.Dump, b *bytes.Buffer) error { return d.WriteVmdump(b, dumpfile.Options{}) }},
	} {
		t.Run(form.name, func(t *testing.T) {
			path := vmcore
			if form.write != nil {
				var b bytes.Buffer
				if err := form.write(illumos.Node().Build(illumos.Real()).Finish(), &b); err != nil {
					t.Fatal(err)
				}
				path = filepath.Join(t.TempDir(), "vmdump.0")
				if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sweep(t, path, form.every, strings.Split(dumpCommands, "\n"), func(m *fixtures.Mutation, _ int) core.Target {
				x, err := illumosdump.OpenAt(context.Background(), "dump", m, m.Size, illumosdump.Options{})
				if err != nil {
					return nil
				}
				return x
			})
		})
	}
}
