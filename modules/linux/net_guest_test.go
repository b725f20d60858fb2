package linux

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// procAddr takes an address and port as /proc/net shows them: words of four bytes as the
// processor has them, then the port.
func procAddr(t *testing.T, text string) string {
	t.Helper()
	ip, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(ip)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	a, _ := netip.AddrFromSlice(b)
	var n uint16
	fmt.Sscanf(port, "%X", &n)
	return endpoint(netip.AddrPortFrom(a, n))
}

// procQueues takes tx_queue:rx_queue as /proc/net shows them.
func procQueues(t *testing.T, text string) string {
	t.Helper()
	var send, recv int
	if _, err := fmt.Sscanf(text, "%x:%x", &send, &recv); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return fmt.Sprint(recv, " ", send)
}

func TestSockets(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var want, got []string
		unread := false
		for section, title := range map[string]string{"net-tcp": "TCPv4", "net-tcp6": "TCPv6", "net-udp": "UDPv4", "net-udp6": "UDPv6"} {
			for _, f := range s.d.Before.Rows(t, section)[1:] {
				want = append(want, title+" "+procAddr(t, f[1])+" "+procAddr(t, f[2])+" "+procQueues(t, f[4]))
			}
		}
		for _, f := range s.d.Before.Rows(t, "net-unix")[1:] {
			path := ""
			if len(f) > 7 {
				path = f[7]
			}
			want = append(want, "unix "+f[6]+" "+path)
		}
		for _, r := range s.rows("::netstat -av -z global") {
			if r.str("protocol") == "unix" {
				got = append(got, "unix "+r.str("inode")+" "+r.str("local"))
			} else {
				got = append(got, strings.Join([]string{r.str("protocol"), r.str("local"), r.str("remote"), r.str("recvq"), r.str("sendq")}, " "))
				unread = unread || r.str("recvq") == "6" // the program sockets leaves as many
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("sockets\n%q\nwant\n%q", got, want)
		}
		if len(want) < 6 || !unread {
			t.Errorf("%d sockets only, or none with bytes that were not read: %q", len(want), got)
		}
		// who has a socket open says so in its files, too
		owned := 0
		for _, r := range s.rows("::netstat -ap -f unix") {
			pid, name, ok := strings.Cut(r.str("process"), "/")
			if !ok || name == "" {
				continue
			}
			owned++
			if files := s.Run("0t" + pid + "::pid2proc | ::files").OK().Out; !strings.Contains(files, "socket:["+r.str("inode")+"]") {
				t.Errorf("socket %s is not among the files of %s:\n%s", r.str("inode"), r.str("process"), files)
			}
		}
		if owned < 3 {
			t.Errorf("%d Unix sockets only belong to a process", owned)
		}
		s.Run("::netstat -ap -P tcp -f inet").OK().Match(`LISTEN .* global       \d+/sockets$`)
		for _, r := range s.rows("::netstat") {
			if st := r.str("state"); st == "LISTEN" || st == "CLOSE" {
				t.Errorf("without -a: %v", r)
			}
		}
		if r := s.Run("::netstat -f ipx"); r.Status == nil || !strings.Contains(r.Out+r.Err, "Usage: netstat") {
			t.Errorf("::netstat -f ipx: %v %q %q", r.Status, r.Out, r.Err)
		}
	})
}

var (
	linkLine  = regexp.MustCompile(`^(\d+): ([^:@]+)(?:@(\S+))?: <([^>]*)> mtu (\d+)`)
	etherLine = regexp.MustCompile(`^ +link/\S+ (\S+)`)
	inetLine  = regexp.MustCompile(`^ +inet6? (\S+)`)
)

func TestInterfaces(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		zones := s.zones()
		byZone := map[string][]string{}
		for _, r := range s.rows("::net") {
			info, _, _ := strings.Cut(r.str("info"), " master=")
			info, _, _ = strings.Cut(info, " peer=")
			info = strings.TrimPrefix(strings.TrimSpace(info), "peer=")
			byZone[r.str("zone")] = append(byZone[r.str("zone")], strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s",
				r.str("index"), r.str("name"), r.str("state"), r.str("mtu"), r.str("mac"), info)))
		}
		check := func(section, zone string) {
			var want []string
			for line := range strings.Lines(s.d.Before.Section(t, section)) {
				if m := linkLine.FindStringSubmatch(line); m != nil {
					state := "down"
					if slices.Contains(strings.Split(m[4], ","), "UP") {
						state = "up"
					}
					want = append(want, m[1]+" "+m[2]+" "+state+" "+m[5])
				} else if m := etherLine.FindStringSubmatch(line); m != nil {
					want[len(want)-1] += " " + m[1]
				} else if m := inetLine.FindStringSubmatch(line); m != nil {
					want[len(want)-1] += " " + m[1]
				}
			}
			if !slices.Equal(byZone[zone], want) {
				t.Errorf("interfaces of %s\n%q\nwant\n%q", zone, byZone[zone], want)
			}
		}
		check("ip-addr", globalZone)
		for _, c := range []string{"nginx", "redis", "postgres", "mail", "dns"} {
			check("ip-addr-"+c, zones[strings.TrimSpace(s.d.Before.Section(t, c+".pid"))])
		}
		// both ends of a pair name each other
		pairs := 0
		for _, r := range s.rows("::net") {
			if r.str("kind") == "veth" && !regexp.MustCompile(`peer=\w+@\d+$`).MatchString(r.str("info")) {
				t.Errorf("%s has no other end: %q", r.str("name"), r.str("info"))
			} else if r.str("kind") == "veth" {
				pairs++
			}
		}
		if pairs != 10 {
			t.Errorf("%d ends of pairs, want 10", pairs)
		}
	})
}
