package lua

import "fmt"

// Limits of matching, as of Lua 5.1 but for the steps.
const (
	maxCaptures = 32
	maxRecurse  = 200
	maxSteps    = 200 << 20 // of one match
)

// matcher matches Lua 5.1's patterns (reference manual, 5.4.1) in bounded time: it
// counts its steps and reports every few thousand of them.
type matcher struct {
	src, pat string
	level    int // captures begun
	capture  [maxCaptures]capture
	depth    int
	steps    int
	tick     func(n int) // called with the steps done since; may not return
}

type capture struct{ start, len int }

// Lengths of captures that are no strings.
const (
	capOpen     = -1
	capPosition = -2
)

// patternError is a malformed pattern or one that takes too much. It is thrown by
// panic and caught where a match begins.
type patternError struct{ msg string }

func (e patternError) Error() string { return e.msg }

func bad(format string, args ...any) { panic(patternError{fmt.Sprintf(format, args...)}) }

const tickEvery = 4096

func (m *matcher) step(n int) {
	before := m.steps / tickEvery
	m.steps += n
	if m.steps/tickEvery != before {
		if m.steps > maxSteps {
			bad("pattern takes too long to match")
		}
		m.tick(tickEvery)
	}
}

// at matches the pattern at s only and gives the end of the match, or -1.
func (m *matcher) at(s int) (end int, err error) {
	defer m.caught(&err)
	return m.try(s), nil
}

// find looks for the first match at or after init; start is -1 if there is none.
func (m *matcher) find(init int) (start, end int, err error) {
	defer m.caught(&err)
	anchored := len(m.pat) > 0 && m.pat[0] == '^'
	for s := init; s <= len(m.src); s++ {
		m.step(1)
		if e := m.try(s); e >= 0 {
			return s, e, nil
		}
		if anchored {
			break
		}
	}
	return -1, -1, nil
}

func (m *matcher) caught(err *error) {
	r := recover()
	if r == nil {
		return
	}
	pe, ok := r.(patternError)
	if !ok {
		panic(r)
	}
	*err = pe
}

func (m *matcher) try(s int) int {
	m.level, m.depth = 0, 0
	if len(m.pat) > 0 && m.pat[0] == '^' {
		return m.match(s, 1)
	}
	return m.match(s, 0)
}

// match matches pat[p:] at src[s:]; -1 if it does not.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxRecurse {
		bad("pattern too complex")
	}
	r := m.items(s, p)
	m.depth--
	return r
}

// items matches one item of the pattern after the other until one has to try
// what follows it.
func (m *matcher) items(s, p int) int {
	for {
		m.step(1)
		if p == len(m.pat) {
			return s
		}
		switch c := m.pat[p]; {
		case c == '(' && p+1 < len(m.pat) && m.pat[p+1] == ')':
			return m.open(s, p+2, capPosition)
		case c == '(':
			return m.open(s, p+1, capOpen)
		case c == ')':
			return m.closeCapture(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			next, ok := m.frontier(s, p+2)
			if !ok {
				return -1
			}
			p = next
			continue
		case c == '%' && p+1 < len(m.pat) && '0' <= m.pat[p+1] && m.pat[p+1] <= '9':
			if s = m.backReference(s, m.pat[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		ep := m.classEnd(p)
		next, done := m.repeat(&s, p, ep)
		if done {
			return next
		}
		p = next
	}
}

// repeat matches one class with its suffix. Either done is set and at is the
// result of the match, or at is where the pattern goes on.
func (m *matcher) repeat(s *int, p, ep int) (at int, done bool) {
	var suffix byte
	if ep < len(m.pat) {
		suffix = m.pat[ep]
	}
	switch suffix {
	case '?':
		if m.single(*s, p, ep) {
			if r := m.match(*s+1, ep+1); r >= 0 {
				return r, true
			}
		}
		return ep + 1, false
	case '*':
		return m.maxExpand(*s, p, ep), true
	case '+':
		if !m.single(*s, p, ep) {
			return -1, true
		}
		return m.maxExpand(*s+1, p, ep), true
	case '-':
		return m.minExpand(*s, p, ep), true
	}
	if !m.single(*s, p, ep) {
		return -1, true
	}
	*s++
	return ep, false
}

func (m *matcher) maxExpand(s, p, ep int) int {
	i := 0
	for m.single(s+i, p, ep) {
		i++
		m.step(1)
	}
	for ; i >= 0; i-- {
		if r := m.match(s+i, ep+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) minExpand(s, p, ep int) int {
	for {
		if r := m.match(s, ep+1); r >= 0 {
			return r
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
	if m.level >= maxCaptures {
		bad("too many captures")
	}
	m.capture[m.level] = capture{s, what}
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) closeCapture(s, p int) int {
	l := -1
	for i := m.level - 1; i >= 0; i-- {
		if m.capture[i].len == capOpen {
			l = i
			break
		}
	}
	if l < 0 {
		bad("invalid pattern capture")
	}
	m.capture[l].len = s - m.capture[l].start
	r := m.match(s, p)
	if r < 0 {
		m.capture[l].len = capOpen
	}
	return r
}

// balance is %bxy, with xy at p.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		bad("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	from, to, n := m.pat[p], m.pat[p+1], 1
	for i := s + 1; i < len(m.src); i++ {
		m.step(1)
		switch m.src[i] {
		case to:
			n--
			if n == 0 {
				return i + 1
			}
		case from:
			n++
		}
	}
	return -1
}

// frontier is %f[set], with the set at p; next is behind it.
func (m *matcher) frontier(s, p int) (next int, ok bool) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		bad("missing '[' after '%%f' in pattern")
	}
	ep := m.classEnd(p)
	var before, here byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		here = m.src[s]
	}
	return ep, !m.set(before, p, ep-1) && m.set(here, p, ep-1)
}

func (m *matcher) backReference(s int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.capture[l].len == capOpen {
		bad("invalid capture index")
	}
	c := m.capture[l]
	if c.len == capPosition {
		bad("invalid capture index")
	}
	m.step(c.len / 64)
	if len(m.src)-s >= c.len && m.src[s:s+c.len] == m.src[c.start:c.start+c.len] {
		return s + c.len
	}
	return -1
}

// classEnd is the end of the single character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			bad("malformed pattern (ends with '%%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				bad("malformed pattern (missing ']')")
			}
			p++
			if m.pat[p-1] == '%' {
				p++
			}
		}
		return p + 1
	}
	return p
}

// single tells whether the class at [p, ep) matches src[s].
func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return class(c, m.pat[p+1])
	case '[':
		return m.set(c, p, ep-1)
	}
	return m.pat[p] == c
}

// set tells whether c is in the set whose brackets are at p and end.
func (m *matcher) set(c byte, p, end int) bool {
	m.step(1 + (end-p)/16)
	in := true
	p++
	if m.pat[p] == '^' {
		in = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%' && p+1 < len(m.pat):
			p++
			if class(c, m.pat[p]) {
				return in
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// class tells whether c is of the class that a letter names; a capital negates.
func class(c, letter byte) bool {
	var in bool
	switch letter | 0x20 {
	case 'a':
		in = isLetter(c)
	case 'd':
		in = isDigit(c)
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 's':
		in = c == ' ' || '\t' <= c && c <= '\r'
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isLetter(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	case 'p':
		in = ' ' < c && c < 0x7f && !isLetter(c) && !isDigit(c)
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'z':
		in = c == 0
	default:
		return letter == c
	}
	if !isLetter(letter) {
		return letter == c
	}
	return in == (letter&0x20 != 0)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
