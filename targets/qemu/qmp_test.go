package qemu

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

const greeting = `{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}` + "\r\n"

// serve answers one connection on a socket by a function.
func serve(t *testing.T, f func(c net.Conn)) string {
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
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestBadServers opens what does not behave as a monitor does: an error that says
// so, in time.
func TestBadServers(t *testing.T) {
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
		}
	}
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"closes", func(net.Conn) {}, "the connection was closed without a greeting"},
		{"nonsense", say("SSH-2.0-OpenSSH_9.2\r\n"), errNotQMP.Error()},
		{"another JSON", say(`{"hello": 1}`), errNotQMP.Error()},
		{"no object", say(`[1,2,3]`), errNotQMP.Error()},
		{"no end", func(c net.Conn) {
			for {
				if _, err := c.Write(bytes.Repeat([]byte(`{"a":[`), 4096)); err != nil {
					return
				}
			}
		}, "a message of more than"},
		{"closes after the greeting", func(c net.Conn) { io.WriteString(c, greeting) }, ErrGone.Error()},
		{"nonsense after the greeting", say(greeting + "}}}}"), errNotQMP.Error()},
		{"refuses", func(c net.Conn) {
			io.WriteString(c, greeting)
			io.ReadFull(c, make([]byte, 10))
			io.WriteString(c, `{"error": {"class": "GenericError", "desc": "not today"}}`)
			io.Copy(io.Discard, c)
		}, "qmp_capabilities: not today"},
		{"silent", say(""), "no answer within 3s: another client may hold the monitor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := OpenQMP(context.Background(), serve(t, tt.serve))
			if err == nil {
				m.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}

// TestLateAnswers checks that answers are matched by id: what answers another command
// is passed over, and so are events.
func TestLateAnswers(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		io.WriteString(c, greeting)
		in := newSplitter(c)
		for i := 0; ; i++ {
			if _, err := in.next(); err != nil {
				return
			}
			io.WriteString(c, `{"event": "RTC_CHANGE", "data": {}}{"return": "old", "id": 77}`+"\n")
			io.WriteString(c, `{"return": "new", "id": `+string(rune('1'+i))+`}`)
		}
	})
	events := make(chan string, 9)
	q, err := dial(context.Background(), addr, func(m *message) {
		if m != nil {
			events <- m.Event
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var got string
	if err := q.Execute(context.Background(), "x", nil, &got); err != nil || got != "new" {
		t.Errorf("answer %q, %v", got, err)
	}
	if e := <-events; e != "RTC_CHANGE" {
		t.Errorf("event %s", e)
	}
}

// TestSilence has a server miss the time for an answer: what is asked then fails at once,
// until it answers again.
func TestSilence(t *testing.T) {
	late := make(chan struct{})
	addr := serve(t, func(c net.Conn) {
		io.WriteString(c, greeting)
		in := newSplitter(c)
		for i := 1; ; i++ {
			if _, err := in.next(); err != nil {
				return
			}
			if i == 2 {
				<-late
			}
			fmt.Fprintf(c, `{"return": %d, "id": %d}`, i, i)
		}
	})
	q, err := dial(context.Background(), addr, func(*message) {})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	q.wait = 50 * time.Millisecond
	if err := q.Execute(context.Background(), "first", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("no answer: %v", err)
	}
	q.wait = time.Hour
	if err := q.Execute(context.Background(), "second", nil, nil); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "before second") {
		t.Errorf("after no answer: %v", err)
	}
	close(late)
	var got int
	for end := time.Now().Add(patience); got == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		q.Execute(context.Background(), "third", nil, &got)
	}
	if got != 3 {
		t.Errorf("after a late answer: %d", got)
	}
}

func TestDialErrors(t *testing.T) {
	for _, addr := range []string{"/no/such/socket", "127.0.0.1:1", "nowhere"} {
		if _, err := OpenQMP(context.Background(), addr); err == nil {
			t.Errorf("%s was opened", addr)
		}
	}
	if _, err := OpenPID(context.Background(), 1<<30); err == nil {
		t.Error("a process that does not exist was opened")
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{greeting, `{"return": {}, "id": 1}` + "\n" + `{"event": "STOP"}`, `{"error": {"class": "a", "desc": "\"}"}}`, `{"a": "\\"}`, "}", `{"return": [[[[]]]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// The pieces are the same however the stream arrives.
		all := pieces(bytes.NewReader(b))
		slow := pieces(io.MultiReader(bytes.NewReader(b[:len(b)/2]), bytes.NewReader(b[len(b)/2:])))
		if strings.Join(all, "\x00") != strings.Join(slow, "\x00") {
			t.Errorf("%q\n%q", all, slow)
		}
		for _, p := range all {
			if m, err := parseMessage([]byte(p)); err != nil && !errors.Is(err, errNotQMP) {
				t.Error(err)
			} else if err == nil {
				m.answers(1)
			}
		}
	})
}

func pieces(r io.Reader) []string {
	var list []string
	for s := newSplitter(r); ; {
		b, err := s.next()
		if err != nil {
			return list
		}
		list = append(list, string(b))
	}
}
