package dcmds

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
)

// FuzzSession runs any text as commands over a memory image. Nothing may panic,
// and what runs on must end when it is cancelled.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"10::list node_t next n | ::print node_t val | ::sum\n",
		"10::print -at node_t\n10::array node_t 2 | ::printf \"%d %s\\n\" node_t val name\n",
		"0,40/nap+K^X\n0/20Xs\"a\"Ci\n-1/L 5 ff\n0=ZRyYjpa\n10?I\n",
		"0::dump -l 50 -g 2 -w 4 -e\n20::dis -n 3\n10::whatis -v\n0::kgrep | ::head -3\n",
		"10>a;<a/W 1;::vars -n;::set -o adb,pager;$[1+2]=X;::typeset -t a\n",
		"::typedef \"struct { int a[2]; union { char *p; long l; }; int b:3; }\" s_t;::sizeof s_t;::offsetof s_t b;0::print -h s_t\n",
		"'a'+*10-%20*(3#2)==1&&2||3^4\n*/c/10>b;::eval <b=D;10::map *.|::grep .>5|::count\n",
		"::dcmds;::walkers;::formats;::help print;::events;5::bp;::nm -P;1::nmadd x;x=X;x+1=p\n",
		"$<foo;$<<foo;3$d;12=D;$s;$w;10$w;$v;$g;$G;$D all;::which -v list;mdb`list::x\n",
	} {
		f.Add(seed, nodes(0x20, 0x30, 0x10))
	}
	f.Fuzz(func(t *testing.T, text string, memory []byte) {
		if len(text) > 1<<12 || len(memory) > 1<<12 {
			return
		}
		s, _ := session(t, memory)
		s.Stderr = io.Discard
		s.Out.SetOutput(io.Discard)
		// Without a shell and without files.
		ctx, done := context.WithTimeout(core.Confine(context.Background()), 100*time.Millisecond)
		defer done()
		ended := make(chan struct{})
		go func() {
			select {
			case <-ended:
			case <-time.After(time.Minute):
				panic("a cancelled session runs on: " + text)
			}
		}()
		_ = s.Eval.Source(ctx, s, strings.NewReader(nodeType+text), "fuzz") // fails as often as not
		close(ended)
	})
}
