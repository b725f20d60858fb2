package linux

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		stable := s.stats()
		want, pid := map[string]map[string]string{}, ""
		for line := range strings.Lines(s.d.Before.Section(t, "fds")) {
			line = strings.TrimSpace(line)
			if m := regexp.MustCompile(`^/proc/(\d+)/fd:$`).FindStringSubmatch(line); m != nil {
				pid = m[1]
				want[pid] = map[string]string{}
			} else if fd, path, ok := strings.Cut(line, " -> "); ok {
				want[pid][fd] = path
			}
		}
		checked := 0
		for pid, files := range want {
			if st, ok := stable[pid]; !ok || len(files) == 0 || st.comm == "init" || st.comm == "sh" {
				continue // a shell opens and closes files all the time
			}
			got := map[string]string{}
			for _, r := range s.rows("0t" + pid + "::pid2proc | ::files") {
				got[r.str("fd")] = r.str("path")
			}
			if !maps.Equal(got, files) {
				t.Errorf("process %s (%s) has %v, want %v", pid, stable[pid].comm, got, files)
			}
			checked++
		}
		if checked < 10 {
			t.Errorf("%d processes with files only", checked)
		}
		// one descriptor, as MDB has it, and all
		_, reader := s.blocker("pipe-reader")
		files := s.rows(reader + "::files")
		for _, r := range files {
			s.Run(fmt.Sprintf("%s::fd %x", reader, r.num(t, "fd"))).OK().WantLines(strings.TrimPrefix(r.str("addr"), "0x"))
		}
		if n := s.lines(reader + "::fd"); n != len(files) {
			t.Errorf("::fd lists %d files, ::files %d", n, len(files))
		}
		if r := s.Run(reader + "::fd 999"); r.Status == nil || !strings.Contains(r.Err, "has no file 2457") {
			t.Errorf("::fd 999: %v %s%s", r.Status, r.Out, r.Err)
		}
		var mounts []string
		for _, r := range s.rows("::mounts") {
			mounts = append(mounts, r.str("source")+" "+r.str("path")+" "+r.str("type"))
		}
		var listed []string
		for _, f := range s.d.Before.Rows(t, "mounts") {
			listed = append(listed, strings.Join(f[:3], " "))
		}
		slices.Sort(mounts)
		slices.Sort(listed)
		if !slices.Equal(mounts, listed) {
			t.Errorf("mounts\n%q\nwant\n%q", mounts, listed)
		}
	})
}
