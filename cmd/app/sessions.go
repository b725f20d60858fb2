package app

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"

	"github.com/xmdb/xmdb/fixtures/sample"
)

// asked is a line of a session with a command, behind the prompt of a guest if it is
// in one.
var asked = regexp.MustCompile(`^(?:\[[^\]]+\])?> (.*)\n`)

// updateSession writes what the sample dump answers into the sessions of the page at
// path: after each line "> command" of a fenced block the output of the command. One
// that the page breaks off with "..." keeps as many lines as it has.
func updateSession(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	a := newApp(&config{prog: "xmdb", noRC: true, sample: sampleDump}, nil)
	defer a.close()
	if err := a.openSample(context.Background()); err != nil {
		return err
	}
	var out bytes.Buffer
	a.s.Out.SetOutput(&out)
	a.s.Stderr = &out
	a.scripts()
	a.activate()
	return os.WriteFile(path, []byte(withAnswers(string(page), func(cmd string) string {
		out.Reset()
		_ = a.s.Eval.Eval(context.Background(), a.s, cmd) // an error is part of the output
		a.s.Out.Flush()
		return out.String()
	})), 0o644)
}

// withAnswers is a page with every output in its sessions with the sample made anew:
// those that "$ xmdb" begins on anything else stay as they are.
func withAnswers(page string, answer func(cmd string) string) string {
	var b strings.Builder
	lines := strings.SplitAfter(page, "\n")
	fenced, ours := false, true
	for i := 0; i < len(lines); {
		line := lines[i]
		b.WriteString(line)
		i++
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced && strings.HasPrefix(line, "$ xmdb ") {
			ours = strings.Contains(line, sample.Name)
		}
		cmd := asked.FindStringSubmatch(line)
		if !fenced || !ours || cmd == nil {
			continue
		}
		old := i
		for i < len(lines) && !asked.MatchString(lines[i]) && !strings.HasPrefix(lines[i], "```") {
			i++
		}
		b.WriteString(abridged(answer(strings.TrimSpace(cmd[1])), lines[old:i]))
	}
	return b.String()
}

// abridged cuts an output off where the old one is.
func abridged(text string, old []string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	if n := len(old); n > 0 && old[n-1] == "...\n" {
		if l := strings.SplitAfter(text, "\n"); len(l) > n {
			return strings.Join(l[:n-1], "") + "...\n"
		}
	}
	return text
}
