package gdbstub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// stubOf serves connections by a function of a request: the bytes to send for it.
func stubOf(t *testing.T, answer func(request string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := newScanner(c)
				for {
					e, err := in.next()
					if err != nil {
						return
					}
					if e.kind == '$' {
						if _, err := io.WriteString(c, answer(string(e.data))); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// plain registers of a processor.
var someRegisters = strings.Repeat("00", 164)

// good answers what a simple stub does.
func good(request string) string {
	switch {
	case strings.HasPrefix(request, "qSupported"):
		return "+" + string(encode("PacketSize=1000"))
	case request == "qfThreadInfo":
		return "+" + string(encode("m1"))
	case request == "qsThreadInfo":
		return "+" + string(encode("l"))
	case strings.HasPrefix(request, "H"):
		return "+" + string(encode("OK"))
	case request == "g":
		return "+" + string(encode(someRegisters))
	case request == "vCont;c", request == "c":
		return "+"
	}
	return "+" + string(encode(""))
}

// with answers one kind of request in its own way.
func with(prefix, answer string) func(string) string {
	return func(r string) string {
		if strings.HasPrefix(r, prefix) {
			return answer
		}
		return good(r)
	}
}

// TestBadStubs opens stubs that do not behave: an error in time, that says what is
// wrong.
func TestBadStubs(t *testing.T) {
	xml := func(doc string) func(string) string {
		return func(r string) string {
			switch {
			case strings.HasPrefix(r, "qSupported"):
				return "+" + string(encode("PacketSize=1000;qXfer:features:read+"))
			case strings.HasPrefix(r, "qXfer"):
				return "+" + string(encode("l"+doc))
			}
			return good(r)
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(string) string
		want   string // "": it opens
	}{
		{"simple", good, ""},
		{"silent", func(string) string { return "" }, ErrSilent.Error()},
		{"acknowledges only", func(string) string { return "+" }, ErrSilent.Error()},
		{"half a packet", with("g", "+$00000"), ErrSilent.Error()},
		{"bad checksums", with("qfThreadInfo", "+$m1#00"), ErrSilent.Error()},
		{"checksum of no digits", with("qfThreadInfo", "+$m1#zz"), ErrSilent.Error()},
		{"another protocol", func(string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }, ErrSilent.Error()},
		{"stops all the time", with("qfThreadInfo", "+"+string(encode("T05thread:01;"))), "stops again and again"},
		{"no threads", with("qfThreadInfo", "+"+string(encode("l"))), "no threads"},
		{"threads that are none", with("qfThreadInfo", "+"+string(encode("mxyzzy,;"))), "thread"},
		{"threads without end", with("qsThreadInfo", "+"+string(encode("m"+strings.Repeat("1,", 500)+"1"))), "more than 4096 threads"},
		{"no registers", with("g", "+"+string(encode("xxxxxxxx"))), "no register"},
		{"registers refused", with("g", "+"+string(encode("E01"))), "the stub refuses: error 01"},
		{"registers are words", with("g", "+"+string(encode(strings.Repeat("zebra", 80)))), "no register"},
		{"huge run length", with("g", "+"+string(encode("0*"+strings.Repeat("*~", 20000)))), ErrNonsense.Error()},
		{"huge packet", with("g", "+$"+strings.Repeat("0", maxPacket+10)), "a packet of more than"},
		{"description of nothing", xml("<target/>"), "no registers"},
		{"description of another machine", xml(`<architecture>aarch64</architecture><reg name="x0" bitsize="64"/>`), "only x86"},
		{"description that includes itself", xml(`<xi:include href="target.xml"/>`), "too many includes"},
		{"description with huge registers", xml(`<reg name="a" bitsize="99999999999"/>`), "register"},
		{"description that is cut", xml(`<target><reg name="rax" bitsize="64"`), "target description"},
		{"description without end", func(r string) string {
			if strings.HasPrefix(r, "qXfer") {
				return "+" + string(encode("m"+strings.Repeat(" ", 4000)))
			}
			return xml("")(r)
		}, "without an end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// Only a stub that says nothing is waited for in vain.
			wait := patience
			if tt.want == ErrSilent.Error() {
				wait = 500 * time.Millisecond
			}
			m, err := Open(context.Background(), stubOf(t, tt.answer), Options{Wait: wait})
			if err == nil {
				m.Close()
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestDies has a stub die, and one fall silent, in the middle of a session.
func TestDies(t *testing.T) {
	silent := false
	addr := stubOf(t, func(r string) string {
		if silent || r == "m1000,8" {
			silent = true
			return ""
		}
		return good(r)
	})
	m, err := Open(context.Background(), addr, Options{Bhyve: true, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := make([]byte, 8)
	if n, err := m.KernelVirtual().ReadAt(b, 0x1000); n != 0 || err == nil {
		t.Errorf("read of a silent stub: %d, %v", n, err)
	}
	m.q.wait = time.Hour // nothing is waited for again
	if n, err := m.KernelVirtual().ReadAt(b, 0x1000); n != 0 || !errors.Is(err, ErrSilent) {
		t.Errorf("read after silence: %d, %v", n, err)
	}
	if len(m.News()) == 0 || m.State() != 5 {
		t.Errorf("state %d", m.State())
	}
}

func TestParseStop(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want halt
		bad  bool
	}{
		{"T05thread:01;", halt{signal: 5, thread: "01"}, false},
		{"T05thread:p1.2;awatch:ffff800000000500;", halt{signal: 5, thread: "p1.2", watch: "awatch", addr: 0xffff800000000500}, false},
		{"T05thread:01;swbreak:;", halt{signal: 5, thread: "01", brk: true}, false},
		{"S02", halt{signal: 2}, false},
		{"W00", halt{gone: true}, false},
		{"X09;process:1", halt{gone: true}, false},
		{"T0", halt{}, true}, {"Txx", halt{}, true}, {"OK", halt{}, true}, {"", halt{}, true}, {"T05watch:zz;", halt{}, true},
	} {
		got, err := parseStop([]byte(tt.in))
		if (err != nil) != tt.bad || err == nil && got != tt.want {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
	}
}

func TestExpand(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"abc", "abc"}, {"0* ", "0000"}, {"a}\x03b", "a#b"}, {"}\x0a", "*"}, {"0*\"1", "0000001"},
	} {
		if got, err := expand([]byte(tt.in)); err != nil || string(got) != tt.want {
			t.Errorf("%q: %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
	for _, bad := range []string{"*!", "a*", "a*\x1c", "a}"} {
		if _, err := expand([]byte(bad)); err == nil {
			t.Errorf("%q was expanded", bad)
		}
	}
}

func FuzzPackets(f *testing.F) {
	for _, s := range []string{"+$OK#9a", "$T05thread:01;#07+", "%Stop:T05#00", "$0*~#ff$$a#61", "$}\x03#80", "-\x03$#00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newScanner(bytes.NewReader(b))
		for {
			e, err := s.next()
			if err != nil {
				break
			}
			if len(e.data) > maxPacket || e.bad && e.data != nil {
				t.Errorf("%d bytes, bad %v", len(e.data), e.bad)
			}
			_, _ = parseStop(e.data)
			_, _ = plainAMD64.decode(e.data)
		}
		// What is framed is found again.
		body := strings.Map(func(r rune) rune {
			if r < ' ' || r > 'z' || strings.ContainsRune("#$*", r) {
				return -1
			}
			return r
		}, string(b))
		e, err := newScanner(bytes.NewReader(encode(body))).next()
		if err != nil || e.bad || string(e.data) != body {
			t.Errorf("%q came back as %q, %v", body, e.data, err)
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><target><architecture>i386:x86-64</architecture><xi:include href="a.xml"/></target>`),
		[]byte(`<feature><reg name="rax" bitsize="64" regnum="0"/><reg name="cr3" bitsize="64"/></feature>`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d, err := describe(func(name string) ([]byte, error) {
			switch name {
			case "target.xml":
				return a, nil
			case "a.xml":
				return b, nil
			}
			return nil, fmt.Errorf("no document %q", name)
		})
		if err != nil {
			return
		}
		if len(d.regs) == 0 || len(d.regs) > maxRegisters {
			t.Errorf("%d registers", len(d.regs))
		}
		_, _ = d.decode(bytes.Repeat([]byte("0f"), 4000))
	})
}
