package gdbstub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
)

// usual is what a stub like QEMU's answers, by the beginnings of requests.
var usual = []string{
	"qSupported=PacketSize=1000;qXfer:features:read+", "qXfer=l<target><reg name=\"rip\" bitsize=\"64\"/><reg name=\"cr3\" bitsize=\"64\"/></target>",
	"vCont?=vCont;c;C;s;S", "vCont;=T05thread:01;", "qqemu=1", "Qqemu=OK", "qfThreadInfo=m01,02", "qsThreadInfo=l", "H=OK", "g=" + strings.Repeat("10", 16),
	"qThreadExtraInfo=43505523", "qRcmd=OK", "qC=QC1", "m=00112233445566778899aabbccddeeff", "M=OK", "Z=OK", "z=OK", "P=OK", "D=OK", "c=T05thread:02;", "s=T05thread:01;",
}

// oddStub answers a request with what follows = in the first line of a script that has the
// request's beginning before it, else as usual. An answer that begins with ! is sent as it
// is, others in a packet. A line serves four times.
func oddStub(script string) net.Conn {
	ours, theirs := net.Pipe()
	lines := append(strings.Split(script, "\n"), usual...)
	served := make([]int, len(lines))
	answer := func(request string) string {
		for i, l := range lines {
			if head, text, ok := strings.Cut(l, "="); ok && strings.HasPrefix(request, head) && (served[i] < 4 || i >= len(lines)-len(usual)) {
				served[i]++
				return text
			}
		}
		return ""
	}
	go func() {
		defer theirs.Close()
		in := newScanner(theirs)
		for {
			e, err := in.next()
			if err != nil {
				return
			}
			if e.kind != '$' {
				continue
			}
			text := answer(string(e.data))
			out, raw := strings.CutPrefix(text, "!")
			if !raw {
				out = string(encode(text))
			}
			theirs.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := theirs.Write([]byte(out)); err != nil {
				return
			}
		}
	}()
	return ours
}

// answers are what oddStub is made to say.
var answers = []string{
	"", "OK", "E01", "l", "m1", "m", "m1,2,zz", "0011", "xx", "1", "T05thread:01;", "T05thread:02;watch:2000;", "T05thread:01;swbreak:;", "T02", "S05", "W00", "X09", "T05watch:zz;",
	"!", "!+++", "!$O#4f$OK#9a", "!$0*~#ff", "!$OK#00", "!$", "!-", "!%Stop:T05#00$OK#9a", "}", "O2020", "QCp1.1", "l<target/>", "l<target><reg name=\"rax\" bitsize=\"4096\"/></target>",
	"PacketSize=0", "PacketSize=ffffffff;QStartNoAckMode+", "vCont;s", "!" + strings.Repeat("$", 5000), strings.Repeat("00", 4000),
}

// TestOddStubs has sessions with a stub that is like QEMU's but for one or two answers: they
// end, with errors at most, and no read claims more than it gave.
func TestOddStubs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var scripts []string
	for _, u := range usual {
		head, _, _ := strings.Cut(u, "=")
		for range 8 {
			other, _, _ := strings.Cut(usual[r.IntN(len(usual))], "=")
			scripts = append(scripts, head+"="+answers[r.IntN(len(answers))]+"\n"+other+"="+answers[r.IntN(len(answers))])
		}
	}
	var opened atomic.Int32
	var wg sync.WaitGroup
	room := make(chan struct{}, 16) // most of a session is waiting
	for _, script := range scripts {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			defer time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("a session does not end: %q", script)) }).Stop()
			if oddSession(t, script) {
				opened.Add(1)
			}
		})
	}
	wg.Wait()
	if opened.Load() == 0 {
		t.Error("no session began")
	}
}

// oddSession tells whether the session began.
func oddSession(t *testing.T, script string) bool {
	q := newConn(oddStub(script), 100*time.Millisecond)
	m := newTarget("odd", Options{})
	if m.begin(context.Background(), q) != nil {
		return false
	}
	defer m.Close()
	m.SetWritable(true)
	sp := m.Physical()
	if v := m.KernelVirtual(); v != nil {
		sp = v
	}
	b := make([]byte, 64)
	for _, at := range []mem.Addr{0x1000, 0xffffffff80000ff0, 1<<64 - 16} {
		if n, err := sp.ReadAt(b, at); n < 0 || n > len(b) || n < len(b) && err == nil {
			t.Errorf("%q: read at %v: %d bytes, %v", script, at, n, err)
		}
	}
	if w, ok := sp.(mem.Writer); ok {
		_, _ = w.WriteAt(b[:5], 0x1ffe)
	}
	if list, err := m.Processors(); err == nil && len(list) != len(m.threads) {
		t.Errorf("%q: %d processors of %d", script, len(list), len(m.threads))
	}
	_ = m.Halt(context.Background())
	c := m.Control()
	_ = c.Insert(0x1000)
	_ = c.Watch(0x2000, 8, control.Write)
	if r, err := c.Registers(1); err == nil {
		r.Set("rax", 1)
		_ = m.SetRegisters(1, r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for range 3 {
		if s, err := c.Resume(ctx, control.Order{Mode: control.StepOne, Thread: 1}, func(*control.Stop) bool { return true }); err != nil || s.Why.Gone() {
			break
		}
	}
	m.News()
	return true
}
