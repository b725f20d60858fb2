package line

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxListed is how many candidates are drawn; the rest are counted.
const maxListed = 200

// prefix is the longest common start of the candidates.
func prefix(cands []Candidate) string {
	if len(cands) == 0 {
		return ""
	}
	p := cands[0].Text
	for _, c := range cands[1:] {
		for !strings.HasPrefix(c.Text, p) {
			p = p[:len(p)-1]
		}
	}
	for !utf8.ValidString(p) {
		p = p[:len(p)-1]
	}
	return p
}

// list draws the candidates for a terminal of cols columns: one a line if any
// has a description, else in columns sorted down.
func list(cands []Candidate, cols int) string {
	var b strings.Builder
	more := 0
	if len(cands) > maxListed {
		more = len(cands) - maxListed
		cands = cands[:maxListed]
	}
	wide, described := 0, false
	for _, c := range cands {
		wide = max(wide, utf8.RuneCountInString(c.Text))
		described = described || c.Descr != ""
	}
	if described {
		wide = min(wide, max(cols/2, 8))
		for _, c := range cands {
			row := fmt.Sprintf("%-*s  %s", wide, c.Text, c.Descr)
			b.WriteString(strings.TrimRight(clip(row, cols-1), " "))
			b.WriteByte('\n')
		}
	} else {
		columns(&b, cands, wide, cols)
	}
	if more > 0 {
		fmt.Fprintf(&b, "... and %d more\n", more)
	}
	return b.String()
}

func columns(b *strings.Builder, cands []Candidate, wide, cols int) {
	per := max(1, cols/(wide+2))
	rows := (len(cands) + per - 1) / per
	for r := range rows {
		var row strings.Builder
		for i := r; i < len(cands); i += rows {
			fmt.Fprintf(&row, "%-*s", wide+2, cands[i].Text)
		}
		b.WriteString(strings.TrimRight(row.String(), " "))
		b.WriteByte('\n')
	}
}

func clip(s string, n int) string {
	if n < 1 || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
