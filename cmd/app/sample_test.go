package app

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/fixtures/sample"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// How large the samples in the binary may be, compressed, bytes.
const (
	maxSample     = 1 << 20 // the process
	maxSampleDump = 2 << 20
)

// tourOf unpacks a sample of a process into a directory and gives what the tour prints of it,
// and by what compiler the program was made.
func tourOf(t *testing.T, read func(name string) ([]byte, error)) (text, compiler string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	size := 0
	for name, to := range map[string]string{"sample.exe.zst": "sample", "sample.core.zst": "core"} {
		packed, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		size += len(packed)
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := z.DecodeAll(packed, nil)
		z.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if size > maxSample {
		t.Errorf("the sample has %d bytes, more than %d", size, maxSample)
	}
	exe := filepath.Join(dir, "sample")
	target, err := elfcore.Open(t.Context(), filepath.Join(dir, "core"), elfcore.Options{Program: exe, Files: system.NewFiles("")})
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(&config{prog: "xmdb", noRC: true, sample: sampleProcess}, nil)
	defer a.close()
	var out bytes.Buffer
	a.s.Out.SetOutput(&out)
	a.s.Stderr = &out
	a.attach(target)
	a.scripts()
	a.activate()
	for _, stop := range processTour {
		out.WriteString("> " + stop.cmd + "\n")
		if err := a.s.Eval.Eval(context.Background(), a.s, stop.cmd); err != nil {
			t.Errorf("%s: %v", stop.cmd, err)
		}
		a.s.Out.Flush()
	}
	return strings.ReplaceAll(out.String(), dir, "DIR"), compilerOf(t, exe)
}

// compilerOf is the .comment section: the compilers' names and versions.
func compilerOf(t *testing.T, exe string) string {
	t.Helper()
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".comment")
	if s == nil {
		return ""
	}
	text, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	threadID = regexp.MustCompile(`thread [0-9a-f]+`)
	number   = regexp.MustCompile(`\b(?:0x)?[0-9a-f]{3,16}\b|\+(?:0x)?[0-9a-f]+`)
)

// TestSampleRebuilt makes the sample dump anew: it is the one in the binary.
func TestSampleRebuilt(t *testing.T) {
	var b bytes.Buffer
	if err := illumos.WriteSample(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > maxSampleDump {
		t.Errorf("the sample has %d bytes, more than %d", b.Len(), maxSampleDump)
	}
	if !bytes.Equal(b.Bytes(), sample.Vmdump) {
		t.Error("fixtures/sample/vmdump.0 is not what the scenario gives: run `make sample`")
	}
}

// TestSampleTour runs the tour of the dump: every command has something to show, what
// the scenario says.
func TestSampleTour(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	a := newApp(&config{prog: "xmdb", noRC: true, sample: sampleDump}, nil)
	defer a.close()
	if err := a.openSample(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a.s.Out.SetOutput(&out)
	a.s.Stderr = &out
	a.scripts()
	a.activate()
	stuck := fmt.Sprintf("%dms", illumos.SampleStuck/1000000)
	want := map[string][]string{
		"::status":    {"headnode", "I/O to pool 'zones' appears to be hung", "all kernel and user pages"},
		"$C":          {"vpanic()", "vdev_deadman+", "spa_deadman+", "cyclic_softint+"},
		"::spa":       {"backup", "DEGRADED", "ERR_EXCEEDED", illumos.SampleDisk},
		"::zio_stuck": {stuck, illumos.SampleDisk, "zio_wait+", "spa_sync+", "txg_sync_thread+"},
		"::stacks":    {"MUTEX ", "mutex_vector_enter+", "txg_wait_synced+", "zil_commit_writer_stall+"},
		"::vm":        {illumos.SampleVMDB, illumos.SampleVMWeb, "running"},
		"::guest":     {"context set to guest " + illumos.SampleVMDB, "set back from guest " + illumos.SampleVMDB},
		"$r":          {fmt.Sprintf("%%rip = %#x", illumos.Guest64.VA+illumos.Guest64.Loop), fmt.Sprintf("%%rsi = %#x", illumos.Guest64.VA+illumos.Guest64.Message)},
		"<rip::dis":   {fmt.Sprintf("%#x: ", illumos.Guest64.VA+illumos.Guest64.Loop), "movzbl (%rsi,%rcx),%eax", "hlt"},
	}
	got, lines := map[string]string{}, 0
	for _, stop := range dumpTour {
		out.Reset()
		if err := a.s.Eval.Eval(t.Context(), a.s, stop.cmd); err != nil {
			t.Errorf("%s: %v", stop.cmd, err)
		}
		a.s.Out.Flush()
		n := strings.Count(out.String(), "\n")
		if lines += n; n < 1 || n > 30 {
			t.Errorf("%s: %d lines", stop.cmd, n)
		}
		name, _, _ := strings.Cut(stop.cmd, " ")
		got[name] += out.String()
	}
	if lines > 160 {
		t.Errorf("the tour has %d lines: too many to be read", lines)
	}
	for name, texts := range want {
		for _, text := range texts {
			if !strings.Contains(got[name], text) {
				t.Errorf("%s says nothing of %q:\n%s", name, text, got[name])
			}
		}
	}
	for name, text := range got {
		for _, no := range []string{"xmdb:", "warning", "failed"} {
			if strings.Contains(text, no) {
				t.Errorf("%s says %q:\n%s", name, no, text)
			}
		}
	}
	sys := illumos.SampleNode().Build(illumos.Real()) // the lock that the tour comes to, and who has it
	lock, owner := sys.Sched.Object("zl_lock"), sys.Sched.ByPID[80][0]
	if want := fmt.Sprintf("%x adapt %x", lock, owner.Addr); !strings.Contains(got["::stacks"], want) {
		t.Errorf("the tour does not come to %q:\n%s", want, got["::stacks"])
	}
}

// sameThreads takes the threads' ids out and sorts their stacks: the kernel lists
// threads in the order in which they came to rest.
func sameThreads(text string) string {
	commands := strings.SplitAfter(threadID.ReplaceAllString(text, "thread ID"), "\n> ")
	for i, c := range commands {
		const head = "stack pointer for thread ID"
		if stacks := strings.Split(c, head); len(stacks) > 1 {
			rest, prompt := strings.CutSuffix(stacks[len(stacks)-1], "> ")
			stacks[len(stacks)-1] = rest
			slices.Sort(stacks[1:])
			commands[i] = strings.Join(stacks, head)
			if prompt {
				commands[i] += "> "
			}
		}
	}
	return strings.Join(commands, "")
}

// TestProcessRebuilt makes the sample process anew, by the script that made the one in
// the binary: the tour says the same of both.
func TestProcessRebuilt(t *testing.T) {
	fixtures.Need(t, "gcc", "setarch", "zstd")
	if _, err := fixtures.Make(t.Context(), "c/small"); err != nil {
		fixtures.Build(t, "c/small") // skips where no cores are written, and says why
	}
	script, err := filepath.Abs("../../fixtures/sample/make.sh")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if text, err := exec.Command(script, out).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, text)
	}
	old, oldCC := tourOf(t, sample.Files.ReadFile)
	anew, newCC := tourOf(t, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(out, name)) })
	old, anew = sameThreads(old), sameThreads(anew)
	if oldCC != newCC {
		// Another compiler places code and data elsewhere.
		t.Logf("made by %q, now by %q: addresses are not compared", oldCC, newCC)
		old, anew = number.ReplaceAllString(old, "N"), number.ReplaceAllString(anew, "N")
	}
	if diff := cmp.Diff(old, anew); diff != "" {
		t.Errorf("the sample in the binary and the one made anew differ (-binary +anew):\n%s", diff)
	}
	for _, want := range []string{"SIGSEGV", "run_job", "wait_for_more", "ada"} {
		if !strings.Contains(anew, want) {
			t.Errorf("the tour says nothing of %s:\n%s", want, anew)
		}
	}
}

// TestSessionAnswers: the outputs of sessions with the sample are made anew, also in a
// guest and abridged; those of other sessions are left alone.
func TestSessionAnswers(t *testing.T) {
	page := "> quoted\n```\n$ xmdb vmdump.0\n> a\nold\n[vm]> b\nold\n...\n```\n```\n$ xmdb -g qmp:x\n> c\nkept\n```\n"
	got := withAnswers(page, func(cmd string) string { return cmd + " 1\n" + cmd + " 2\n" })
	want := strings.NewReplacer("> a\nold", "> a\na 1\na 2", "> b\nold", "> b\nb 1").Replace(page)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
