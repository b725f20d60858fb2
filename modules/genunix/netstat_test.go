package genunix

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// openSocket is a socket of the scenario and whose it is.
type openSocket struct {
	*illumos.BuiltFile
	zone int
}

// socketsOf are the sockets in the order in which the caches' walkers, which tests of
// their own hold, give their conn_t: by slabs.
func socketsOf(sys *illumos.System, s *modtest.Session) (list []openSocket) {
	rank := map[uint64]int{}
	for _, cache := range []string{"tcp_conn_cache", "udp_conn_cache", "rawip_conn_cache"} {
		for line := range strings.Lines(s.Run("::walk " + cache).OK().Out) {
			a, err := strconv.ParseUint(strings.TrimSpace(line), 0, 64)
			if err != nil {
				panic(err)
			}
			rank[a] = len(rank)
		}
	}
	sys.Procs[0].Walk(func(p *illumos.BuiltProc, _ int) {
		for _, f := range p.Opened {
			if f.Sock != nil && !slices.ContainsFunc(list, func(o openSocket) bool { return o.BuiltFile == f }) {
				list = append(list, openSocket{f, int(p.Zone.ID)})
			}
		}
	})
	slices.SortStableFunc(list, func(a, b openSocket) int { return cmp.Compare(rank[a.Conn.Addr], rank[b.Conn.Addr]) })
	return list
}

// endRow is one end of a connection in its column.
func endRow(family, end string) string {
	width, none := 15, "0.0.0.0"
	if family == "inet6" {
		width, none = 23, "::"
	}
	if end == "" {
		return fmt.Sprintf("%*s.%-5d", width, none, 0)
	}
	ap := netip.MustParseAddrPort(end)
	return fmt.Sprintf("%*s.%-5d", width, ap.Addr(), ap.Port())
}

// netstatTable is the table of a protocol, from the description.
func netstatTable(list []openSocket, proto, family string, all, verbose bool) string {
	kind := map[string]string{"TCP": "stream", "UDP": "dgram", "ICMP": "raw"}[proto]
	version, spaces := 4, ""
	if family == "inet6" {
		version, spaces = 6, "        "
	}
	text := fmt.Sprintf("%-16s State       %s  Local Address       %s Remote Address Stack Zone\n", fmt.Sprintf("%sv%d", proto, version), spaces, spaces)
	if proto == "TCP" && verbose {
		text += "       Swind Snext    Suna     Rwind Rack     Rnext      Rto   Mss\n"
	}
	for _, o := range list {
		so := o.Sock
		// A listener at no address is one of IPv4 whatever its version.
		unset := so.Listen && family == "inet" && netip.MustParseAddrPort(so.Local).Addr() == netip.IPv6Unspecified() ||
			proto == "UDP" && family == "inet" && so.Family == "inet6" && netip.MustParseAddrPort(so.Local).Addr() == netip.IPv6Unspecified()
		if so.Type != kind || so.Family != family && !unset || so.Family == "unix" || so.Listen && !all {
			continue
		}
		state := map[bool]string{true: "CONNECTED", false: "IDLE"}[so.Remote != ""]
		width := 10
		if proto == "TCP" {
			state, width = map[bool]string{true: "-3", false: "0"}[so.Listen], 2
		}
		local := so.Local
		if unset && so.Family == "inet6" {
			local = fmt.Sprintf("0.0.0.0:%d", netip.MustParseAddrPort(so.Local).Port())
		}
		text += fmt.Sprintf("%016x %*s %s %s %5d %4d\n", o.Proto.Addr, width, state, endRow(family, local), endRow(family, so.Remote), o.zone, o.zone)
		if proto == "TCP" && verbose {
			if so.Listen {
				text += fmt.Sprintf("       %5d %08x %08x %5d %08x %08x %5d %5d\n", 0, 0, 0, 0, 0, 0, 0, 0)
				continue
			}
			text += "       128872 11223344 11223304 128480 55667700 55667788   400  1460\n"
		}
	}
	return text
}

func TestNetstat(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		unix := "AF_UNIX          Type       Vnode            Conn             Local Addr     Remote Addr    Zone\n"
		row := func(o *illumos.BuiltFile, service, local, remote string) {
			unix += fmt.Sprintf("%-16x %-10s %016x %016x %-14s %-14s %4d\n", o.Data.Addr, service, 0, 0, local, remote, 0)
		}
		// The remote end of a socket that is not bound stays hidden.
		row(sys.Procs[54].Opened[4], "stream-ord", " (none)", " (none)")
		row(sys.Procs[75].Opened[4], "dgram", "/var/run/syslog.sock", " (none)")
		list := socketsOf(sys, s)
		tables := func(all, verbose bool, protos ...string) (text string) {
			for _, p := range protos {
				text += netstatTable(list, p, "inet", all, verbose) + netstatTable(list, p, "inet6", all, verbose)
			}
			return text
		}
		for cmd, want := range map[string]string{
			"::netstat":                  unix + tables(false, false, "TCP", "UDP", "ICMP"),
			"::netstat -a":               unix + tables(true, false, "TCP", "UDP", "ICMP"),
			"::netstat -f unix":          unix,
			"::netstat -f unix -P tcp":   "",
			"::netstat -P tcp":           tables(false, false, "TCP"),
			"::netstat -av -P tcp":       tables(true, true, "TCP"),
			"::netstat -f inet6 -P udp":  netstatTable(list, "UDP", "inet6", false, false),
			"::netstat -f inet -P icmp":  netstatTable(list, "ICMP", "inet", false, false),
			"::netstat -a -f inet -Ptcp": netstatTable(list, "TCP", "inet", true, false),
		} {
			s.Run(cmd).OK().Want(want)
		}
		for _, cmd := range []string{"::netstat -f ipx", "::netstat -P sctp", "::netstat more"} {
			if r := s.Run(cmd); r.Status == nil {
				t.Errorf("%s: no error", cmd)
			}
		}
		s.Run("::netstat -P icmp | ::print icmp_t icmp_state").OK().Want("icmp_state = 0x3\n")
	})
}
