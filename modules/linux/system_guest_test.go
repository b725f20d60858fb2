package linux

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

func TestModules(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var got, want []string
		for _, r := range s.rows("::modinfo") {
			got = append(got, strings.Join([]string{r.str("name"), r.str("size"), r.str("refs"), r.str("by"), r.str("state"), strings.TrimPrefix(r.str("text"), "0x"), r.str("taint")}, " "))
		}
		// name size references users, state address (taints)
		for _, f := range s.d.Before.Rows(t, "modules") {
			taint := "-"
			if len(f) > 6 {
				taint = strings.Trim(f[6], "()")
			}
			want = append(want, strings.Join([]string{f[0], f[1], f[2], strings.Trim(f[3], ",-"), f[4], strings.TrimPrefix(f[5], "0x"), taint}, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("modules\n%q\nwant\n%q", got, want)
		}
	})
}

func TestLog(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var got []string
		for _, r := range s.rows("::dmesg") {
			for line := range strings.SplitSeq(r.str("text"), "\n") {
				seconds, micros, _ := strings.Cut(r.str("time"), ".")
				got = append(got, fmt.Sprintf("[%5s.%s] %s", seconds, micros, line))
			}
		}
		want := strings.Split(s.d.Before.Section(t, "dmesg"), "\n")
		for i, line := range want {
			line = strings.TrimRight(line, "\r")
			if line == "" {
				continue
			}
			if i >= len(got) || got[i] != line {
				t.Fatalf("line %d is %q, want %q", i+1, got[min(i, len(got)-1)], line)
			}
		}
		if len(want) < 100 {
			t.Errorf("a log of %d lines", len(want))
		}
	})
}

func TestInterrupts(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		read := func(tr guest.Truth) map[string]int {
			found := map[string]int{}
			for _, f := range tr.Rows(t, "interrupts") {
				if _, err := strconv.Atoi(strings.TrimSuffix(f[0], ":")); err != nil || !strings.HasSuffix(f[0], ":") {
					continue
				}
				sum := 0
				for i := range len(f) - 1 {
					if _, err := strconv.Atoi(f[1+i]); err != nil {
						break
					}
					n, _ := strconv.Atoi(f[1+i])
					sum += n
				}
				found[strings.TrimSuffix(f[0], ":")] = sum
			}
			return found
		}
		before, after := read(s.d.Before), read(s.d.After)
		got := map[string]int{}
		for _, r := range s.rows("::irqs -a") {
			got[r.str("irq")] = r.num(t, "count")
		}
		for irq, low := range before {
			if n, ok := got[irq]; !ok || n < low || n > after[irq] {
				t.Errorf("interrupt %s: %d (%v), want %d to %d", irq, n, ok, low, after[irq])
			}
		}
		if len(before) < 5 {
			t.Errorf("%d interrupts only", len(before))
		}
	})
}
