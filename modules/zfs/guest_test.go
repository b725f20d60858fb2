package zfs_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/zfs"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// realPools is a real guest with OpenZFS, which said of itself what must be found.
type realPools struct {
	*modtest.Session
	t testing.TB
	d *guest.Dumped
}

// poolMachines are the machines with real pools.
var poolMachines = map[string]guest.Machine{"main": guest.Main, "backports": guest.BackportsKernel}

// onPools runs a test on a dump of each machine with real pools.
func onPools(t *testing.T, test func(t *testing.T, s *realPools)) {
	t.Helper()
	for name, m := range poolMachines {
		t.Run(name, func(t *testing.T) {
			d := guest.Dumps(t, m)
			test(t, &realPools{openGuestDump(t, d.File(guest.ELF)), t, d})
		})
	}
}

func openGuestDump(t testing.TB, path string) *modtest.Session {
	t.Helper()
	target, err := linuxdump.Open(t.Context(), []string{path}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return modtest.OpenTarget(t, target, linux.Module(), zfs.Module())
}

// record is a record in JSON; its numbers are as they are written.
type record map[string]any

func (r record) str(name string) string { return fmt.Sprint(r[name]) }

func (r record) num(t testing.TB, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r.str(name), 0, 64)
	if err != nil {
		t.Fatalf("%s of %v: %v", name, r, err)
	}
	return n
}

func records(t testing.TB, s *modtest.Session, cmd string) (list []record) {
	t.Helper()
	s.Opts.JSON = true
	r := s.Run(cmd).OK()
	s.Opts.JSON = false
	for line := range strings.Lines(r.Out) {
		o, dec := record{}, json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&o); err != nil {
			t.Fatalf("%s: %v in %q", cmd, err, line)
		}
		list = append(list, o)
	}
	return list
}

// addrs are the addresses that a command pipes or prints, one a line.
func (s *realPools) addrs(cmd string) []string {
	s.t.Helper()
	list := strings.Fields(s.Run(cmd).OK().Out)
	if len(list) == 0 {
		s.t.Fatalf("%s: nothing", cmd)
	}
	return list
}

func (s *realPools) pool(name string) string {
	s.t.Helper()
	for _, r := range records(s.t, s.Session, "::spa") {
		if r.str("name") == name {
			return r.str("addr")
		}
	}
	s.t.Fatalf("no pool %s", name)
	return ""
}

// version is that of the guest's module zfs.
func (s *realPools) version() string {
	s.t.Helper()
	for _, f := range s.d.Before.Rows(s.t, "zpool-version") {
		if v, ok := strings.CutPrefix(f[0], "zfs-kmod-"); ok {
			return v
		}
	}
	s.t.Fatal("the guest does not say which OpenZFS it has")
	return ""
}

// between fails unless a number lies between what the guest said before and after.
func (s *realPools) between(what string, got uint64, before, after string) {
	s.t.Helper()
	s.near(what, got, before, after, 0)
}

// inSync is by how many bytes what a pool uses, its own object set included, may change
// while a transaction group is written, to be as before at its end.
const inSync = 64 << 10

// near is between with some slack.
func (s *realPools) near(what string, got uint64, before, after string, slack uint64) {
	s.t.Helper()
	low, err := strconv.ParseUint(before, 0, 64)
	high, err2 := strconv.ParseUint(after, 0, 64)
	if err := cmp.Or(err, err2); err != nil {
		s.t.Fatal(what, err)
	}
	if got+slack < min(low, high) || got > max(low, high)+slack {
		s.t.Errorf("%s is %d, want %s to %s", what, got, before, after)
	}
}
