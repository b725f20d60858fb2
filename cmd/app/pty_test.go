//go:build linux

package app_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience is how long a test waits for what it expects. On a machine with nothing else to
// do that comes within milliseconds.
const patience = 2 * time.Minute

// terminal is the program on a pseudo-terminal.
type terminal struct {
	t    *testing.T
	f    *os.File
	cmd  *exec.Cmd
	home string

	mu   sync.Mutex
	got  []byte // output, without escape sequences
	raw  []byte
	seen int // how much of got has been matched
	done chan struct{}
}

// escapes are ECMA-48 control sequences, and the bell.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\a`)

// onTerminal starts the program, 24 lines of 100 columns; home "" makes a new one.
func onTerminal(t *testing.T, home string, env []string, args ...string) *terminal {
	t.Helper()
	if home == "" {
		home = t.TempDir()
	}
	cmd := exec.Command(filepath.Join(build(t), "xmdb"), append([]string{"-S"}, args...)...)
	cmd.Dir = home
	cmd.Env = append([]string{
		"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"PATH=" + os.Getenv("PATH"), "TERM=xterm", "SHELL=/bin/sh", "LC_ALL=C",
	}, env...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	tt := &terminal{t: t, f: f, cmd: cmd, home: home, done: make(chan struct{})}
	go tt.read()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		f.Close()
	})
	return tt
}

func (tt *terminal) read() {
	defer close(tt.done)
	var buf [4096]byte
	for {
		n, err := tt.f.Read(buf[:])
		tt.mu.Lock()
		tt.raw = append(tt.raw, buf[:n]...)
		tt.got = escapes.ReplaceAll(whole(tt.raw), nil)
		tt.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// whole is the text without an escape sequence that has come in part.
func whole(raw []byte) []byte {
	if at := bytes.LastIndexByte(raw, '\x1b'); at >= 0 && escapes.FindIndex(raw[at:]) == nil {
		return raw[:at]
	}
	return raw
}

// What the editor tells the terminal at the begin of a line and at its end (DECSET 2004):
// from the latter on Ctrl-C is a signal.
const (
	editing = "\x1b[?2004h"
	edited  = "\x1b[?2004l"
)

// since tells whether the output from a place on has some text, or gets it in time.
func (tt *terminal) since(at int, text string, limit time.Duration) bool {
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if strings.Contains(tt.output()[at:], text) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// start types a command and waits until it runs.
func (tt *terminal) start(command string) {
	tt.t.Helper()
	at := len(tt.output())
	tt.send(command + enter)
	if !tt.since(at, edited, patience) {
		tt.t.Fatalf("%q does not run within %v: %q", command, patience, tt.output()[at:])
	}
}

// interrupt presses Ctrl-C until the editor is back: one that comes before the command
// has begun is lost.
func (tt *terminal) interrupt() {
	tt.t.Helper()
	at := len(tt.output())
	for end := time.Now().Add(patience); time.Now().Before(end); {
		tt.send(ctrlC)
		if tt.since(at, editing, time.Second) {
			tt.skip()
			return
		}
	}
	tt.t.Fatalf("no prompt within %v of Ctrl-C: %q", patience, tt.output()[at:])
}

// send types text.
func (tt *terminal) send(text string) {
	tt.t.Helper()
	if _, err := tt.f.WriteString(text); err != nil {
		tt.t.Fatal(err)
	}
}

// expect waits for a match of the pattern beyond the last one.
func (tt *terminal) expect(pattern string) string {
	tt.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		tt.mu.Lock()
		if at := re.FindIndex(tt.got[tt.seen:]); at != nil {
			text := string(tt.got[tt.seen+at[0] : tt.seen+at[1]])
			tt.seen += at[1]
			tt.mu.Unlock()
			return text
		}
		rest := string(tt.got[tt.seen:])
		tt.mu.Unlock()
		if time.Now().After(end) {
			tt.t.Fatalf("no match for %q within %v in %q", pattern, patience, rest)
		}
	}
}

// skip forgets what there was so far.
func (tt *terminal) skip() {
	tt.mu.Lock()
	tt.seen = len(tt.got)
	tt.mu.Unlock()
}

// prompt waits until the editor shows its prompt on a new line; while a line is
// edited it is drawn again and again on the same one.
func (tt *terminal) prompt() {
	tt.t.Helper()
	tt.expect(`(?:^|\n)\r?> `)
}

// output is everything there was so far.
func (tt *terminal) output() string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return string(tt.raw)
}

// end waits for the program's end and gives its status.
func (tt *terminal) end() int {
	tt.t.Helper()
	select {
	case <-tt.done:
	case <-time.After(patience):
		tt.t.Fatalf("the program does not end: %q", tt.output())
	}
	tt.cmd.Wait()
	return tt.cmd.ProcessState.ExitCode()
}

// Keys.
const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlR = "\x12"
	enter = "\r"
	up    = "\x1b[A"
)

func TestTerminalPromptAndEnd(t *testing.T) {
	tt := onTerminal(t, "", nil)
	tt.prompt()
	tt.send("2*3=D" + enter)
	tt.expect(`\n +6 +\r?\n`)
	tt.prompt()
	tt.send("$P 'me: '" + enter)
	tt.expect(`me: `)
	tt.send(ctrlD)
	if code := tt.end(); code != 0 {
		t.Errorf("status %d after Ctrl-D", code)
	}
}

func TestTerminalCompletion(t *testing.T) {
	tt := onTerminal(t, "", nil, "--sample=process")
	tt.expect(`Your turn`)
	tt.prompt()
	// The only dcmd of that start.
	tt.send("::mappi\t" + enter)
	tt.expect(`BASE +LIMIT +SIZE NAME`)
	tt.prompt()
	// Several: they are listed with their descriptions.
	tt.send("::dis\t")
	tt.expect(`dismode +get/set disassembly mode`)
	tt.send(ctrlC)
	tt.prompt()
	// An option.
	tt.send("::objects -\t")
	tt.send(enter)
	tt.expect(`NAME +VERSION`)
	tt.prompt()
	// A type, and a member of it.
	tt.send("::offsetof job_\tnex\t" + enter)
	tt.expect(`offsetof \(job_t, next\) = 0`)
	tt.prompt()
	// A symbol.
	tt.send("wait_for_m\t::nm -h -f name" + enter)
	tt.expect(`\nwait_for_more\r?\n`)
	tt.prompt()
	// A pasted tab is a blank.
	tt.send("\x1b[200~::map\tpi\x1b[201~" + enter)
	tt.expect(`\nxmdb: failed to dereference symbol: unknown symbol name`)
	tt.prompt()
	tt.send("$q" + enter)
	if code := tt.end(); code != 0 {
		t.Errorf("status %d after $q", code)
	}
}

func TestTerminalHistory(t *testing.T) {
	tt := onTerminal(t, "", nil)
	tt.prompt()
	tt.send("41+1=D" + enter)
	tt.expect(`\n +66 +\r?\n`)
	tt.prompt()
	tt.send("1+1=D" + enter)
	tt.expect(`\n +2 +\r?\n`)
	tt.prompt()
	tt.send(ctrlD)
	tt.end()
	text, err := os.ReadFile(filepath.Join(tt.home, "state", "xmdb", "history"))
	if err != nil || !strings.Contains(string(text), "41+1=D\n") {
		t.Errorf("history: %q, %v", text, err)
	}
	// The next session has it: by the arrow and by Ctrl-R.
	tt = onTerminal(t, tt.home, nil)
	tt.prompt()
	tt.send(up + enter)
	tt.expect(`\n +2 +\r?\n`)
	tt.prompt()
	tt.send(ctrlR + "41")
	tt.expect(`41\+1`)
	tt.send(enter)
	tt.expect(`\n +66 +\r?\n`)
	tt.prompt()
}

// quiet runs for hours and prints nothing.
const quiet = "1,7fffffff::grep 0"

func TestTerminalInterrupt(t *testing.T) {
	tt := onTerminal(t, "", nil)
	tt.prompt()
	tt.send("nothing of this runs")
	tt.expect(`runs`)
	tt.send(ctrlC)
	tt.prompt()
	for _, long := range []string{quiet, "! sleep 1000", "1,7fffffff::eval 1=K ! cat >/dev/null"} {
		tt.start(long)
		time.Sleep(100 * time.Millisecond) // it may do something first; it need not
		tt.interrupt()
		tt.send("3*3=D" + enter)
		tt.expect(`\n +9 +\r?\n`)
		tt.prompt()
	}
	tt.send(ctrlD)
	if code := tt.end(); code != 0 {
		t.Errorf("status %d", code)
	}
}

// Ctrl-C again and again ends what runs and not the debugger, whenever it comes.
func TestTerminalInterruptTwice(t *testing.T) {
	tt := onTerminal(t, "", nil)
	tt.prompt()
	for i := range 20 {
		tt.start(quiet)
		at := len(tt.output())
		for range 30 {
			tt.send(ctrlC)
			time.Sleep(time.Duration(i%5) * 300 * time.Microsecond)
		}
		if !tt.since(at, editing, time.Second) {
			tt.interrupt() // all came before it had begun
		}
		tt.skip()
		tt.send("3*3=D" + enter)
		tt.expect(`\n +9 +\r?\n`)
		tt.prompt()
	}
}

func TestTerminalPager(t *testing.T) {
	tt := onTerminal(t, "", nil)
	tt.prompt()
	tt.send("::dcmds" + enter)
	tt.expect(`>> More \[<space>, <cr>, q, n, c, a\] \? `)
	tt.send(" ")
	tt.expect(`>> More `)
	tt.send("q")
	tt.expect(`\x08\r> `) // the pager's question is wiped out
	tt.send("5*5=D" + enter)
	tt.expect(`\n +25 +\r?\n`)
	tt.prompt()
	tt.send("::dcmds" + enter)
	tt.expect(`>> More `)
	tt.send("c")
	tt.expect(`\nxdata`)
	tt.prompt()
	tt.send("::set +o pager" + enter)
	tt.prompt()
	tt.skip()
	tt.mu.Lock()
	from := len(tt.got)
	tt.mu.Unlock()
	tt.send("::dcmds" + enter)
	tt.expect(`\nxdata`)
	tt.prompt()
	tt.mu.Lock()
	defer tt.mu.Unlock()
	if strings.Contains(string(tt.got[from:]), ">> More") {
		t.Error("the pager is off and asks")
	}
}

var colour = regexp.MustCompile(`\x1b\[[0-9;]*3[0-7][0-9;]*m`)

func TestTerminalColour(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want bool
	}{{nil, true}, {[]string{"NO_COLOR=1"}, false}, {[]string{"TERM=dumb"}, false}} {
		term := onTerminal(t, "", tt.env)
		term.prompt()
		term.send("::nosuch" + enter)
		term.expect(`invalid command`)
		term.prompt()
		if got := colour.MatchString(term.output()); got != tt.want {
			t.Errorf("%v: colours %v, want %v: %q", tt.env, got, tt.want, term.output())
		}
	}
}
