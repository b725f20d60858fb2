package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// session runs the program on a subject with commands on standard input.
func session(t *testing.T, s fixtures.Subject, commands string, args ...string) (stdout, stderr string) {
	t.Helper()
	args = append([]string{"-S"}, append(args, s.Exe, s.Core)...)
	cmd := exec.Command(filepath.Join(build(t), "xmdb"), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "TERM=dumb", "SHELL=/bin/sh")
	cmd.Stdin = strings.NewReader(commands)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %q: %v\n%s", commands, err, errs.String())
	}
	return out.String(), errs.String()
}

// objects parses JSON lines.
func objects(t *testing.T, what, text string) []map[string]any {
	t.Helper()
	var l []map[string]any
	for line := range strings.Lines(text) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("%s: %q is no JSON object: %v", what, line, err)
			continue
		}
		l = append(l, o)
	}
	return l
}

// listed are the names of the dcmds there are.
func listed(t *testing.T, s fixtures.Subject) []string {
	t.Helper()
	text, _ := session(t, s, "::dcmds\n")
	var names []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		if name[0] >= 'a' && name[0] <= 'z' {
			name = "::" + name
		}
		names = append(names, name)
	}
	return names
}

// ends are the dcmds that end the session, or read the rest of the input.
var ends = regexp.MustCompile(`^(::quit|\$[qQ%]|\$<+|!)$`)

// TestJSONEveryDcmd runs every dcmd without arguments, and with an address, in
// JSON mode: each line is an object.
func TestJSONEveryDcmd(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	ran := 0
	for _, name := range listed(t, s) {
		if ends.MatchString(name) {
			continue
		}
		for _, cmd := range []string{name, "main" + name, s.Facts["list_head"] + name} {
			text, _ := session(t, s, cmd+"\n", "-J")
			objects(t, cmd, text)
			ran++
		}
	}
	if ran < 100 {
		t.Errorf("only %d commands ran", ran)
	}
}

// TestJSONRows: what is a row as text is one object with these members in JSON,
// addresses as "0x..." strings.
func TestJSONRows(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	head := s.Facts["list_head"]
	tests := []struct {
		cmd    string
		rows   string // members of every row, in any order
		addr   string // the member that is an address in every row; "" for none
		header int    // lines of the text that are no rows
	}{
		{"::mappings", "base limit size name", "base", 1},
		{"::objects", "base limit size name", "base", 1},
		{"::objects -v", "name version path file build_id base", "base", 1},
		{"::nm", "val sz type bind oth shndx name", "val", 1},
		{"main::nm -f val,obj,name", "val obj name", "val", 1},
		{"::auxv", "type value string", "value", 1},
		{"::enum perm", "value name", "", 1},
		{"::dcmds", "name descr", "", 0},
		{"::walkers", "name descr", "", 0},
		{"::dmods", "name descr", "", 0},
		{"::vars", "name value", "value", 0},
		{"::formats", "char descr size", "", 0},
		{"::files", "index file object", "", 0},
		{"::typelist", "type", "", 0},
		{"::xdata", "name descr size", "", 0},
		{"::disasms", "mode descr", "", 0},
		{"$M", "macro commands", "", 1},
		{"::whatis -l", "name module priority", "", 1},
		{"::env", "name value", "", 0},
		{"::args", "index value", "", 0},
		{"main::dis -n 3", "addr symbol bytes text", "addr", 0},
		{"main::dump -q", "addr bytes text", "addr", 1},
		{head + "::whatis", "addr base offset text", "addr", 0},
		{head + "::kgrep", "value", "value", 0},
		{head + "::list node_t next", "addr", "addr", 0},
		{head + "::list node_t next | ::head -n 3", "value", "value", 0},
		{head + "::list node_t next | ::count", "count", "", 0},
		{head + "::list node_t next | ::print node_t v", "addr type member value", "addr", 0},
		{"::walk thread", "value", "value", 0},
		{"::sizeof int", "type size", "", 0},
		{"::offsetof node_t v", "type member offset bit size", "", 0},
	}
	for _, tt := range tests {
		if strings.HasPrefix(tt.cmd, "::whatis") {
			tt.cmd = "main" + tt.cmd // it requires an address
		}
		text, _ := session(t, s, tt.cmd+"\n")
		lines := strings.Count(text, "\n") - tt.header
		out, _ := session(t, s, tt.cmd+"\n", "-J")
		rows := objects(t, tt.cmd, out)
		if len(rows) != lines || lines == 0 {
			t.Errorf("%s: %d objects for %d lines", tt.cmd, len(rows), lines)
		}
		for _, row := range rows {
			if !members(row, tt.rows) {
				t.Errorf("%s: row %v has not the members %s", tt.cmd, row, tt.rows)
				break
			}
			if tt.addr == "" {
				continue
			}
			if a, ok := row[tt.addr].(string); !ok || !strings.HasPrefix(a, "0x") {
				t.Errorf("%s: %s is %v, no 0x string", tt.cmd, tt.addr, row[tt.addr])
				break
			}
		}
	}
}

func members(row map[string]any, names string) bool {
	want := strings.Fields(names)
	for _, n := range want {
		if _, ok := row[n]; !ok {
			return false
		}
	}
	return len(row) == len(want)
}

// TestJSONValues: structures nest, and what cannot be read is null with its error.
func TestJSONValues(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	out, _ := session(t, s, "::set -o json\n*list_head::print node_t\n1230::print node_t\nbits::print\n")
	rows := objects(t, "::print", out)
	if len(rows) != 3 {
		t.Fatalf("%d rows:\n%s", len(rows), out)
	}
	node, _ := rows[0]["value"].(map[string]any)
	if rows[0]["addr"] != s.Facts["list_head"] || node["v"] != 1.0 || node["name"] != "n0" {
		t.Errorf("node: %v", rows[0])
	}
	bad, _ := rows[1]["value"].(map[string]any)
	if v, has := bad["v"]; !has || v != nil || bad["v_error"] == nil {
		t.Errorf("unreadable node: %v", rows[1])
	}
	bits, _ := rows[2]["value"].(map[string]any)
	if bits["minus"] != -3.0 || bits["forty"] != float64(0x123456789a) || bits["tint"] != "BLUE" || bits["yes"] != true {
		t.Errorf("bits: %v", rows[2])
	}
}
