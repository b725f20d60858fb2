package qemu

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxMessage bounds one message of QMP, bytes: the longest in practice, an answer to
// `xp` or `info mtree`, has some hundred kilobytes.
const maxMessage = 16 << 20

// maxGreeting bounds the first message, bytes.
const maxGreeting = 64 << 10

// message is what a QMP server sends: a greeting, an answer or an event
// (docs/interop/qmp-spec).
type message struct {
	QMP *struct {
		Version struct {
			QEMU struct{ Major, Minor, Micro int } `json:"qemu"`
		} `json:"version"`
	} `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *QMPError       `json:"error"`
	Event  string          `json:"event"`
	Data   json.RawMessage `json:"data"`
	ID     json.RawMessage `json:"id"`
}

// QMPError is an error that QEMU answered with.
type QMPError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *QMPError) Error() string { return e.Desc }

// errNotQMP is given for what no QMP server sends.
var errNotQMP = errors.New("what answers does not speak QMP")

// parseMessage reads one message.
func parseMessage(b []byte) (*message, error) {
	m := new(message)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %v", errNotQMP, err)
	}
	if m.QMP == nil && m.Return == nil && m.Error == nil && m.Event == "" {
		return nil, errNotQMP
	}
	return m, nil
}

// answers tells whether the message answers the command with an id. An error without
// an id answers what could not even be parsed.
func (m *message) answers(id uint64) bool {
	if m.Return == nil && m.Error == nil {
		return false
	}
	return string(m.ID) == fmt.Sprint(id) || m.ID == nil && m.Error != nil
}

// splitter cuts a stream into JSON values, over one line or several (pretty=on).
type splitter struct {
	r     io.Reader
	buf   []byte
	from  int // bytes of buf that have been looked at
	depth int
	quote bool // inside a string
	skip  bool // the next byte is escaped
	start int  // where the value begins; -1: it has not
	limit int  // of a value, bytes
}

func newSplitter(r io.Reader) *splitter { return &splitter{r: r, start: -1, limit: maxMessage} }

// next gives the next value, an object. It stays valid until the next call.
func (s *splitter) next() ([]byte, error) {
	for {
		if v, err := s.scan(); v != nil || err != nil {
			return v, err
		}
		if len(s.buf) > s.limit {
			return nil, fmt.Errorf("%w: a message of more than %d bytes", errNotQMP, s.limit)
		}
		s.buf = append(s.buf, make([]byte, 8192)...)
		n, err := s.r.Read(s.buf[len(s.buf)-8192:])
		s.buf = s.buf[:len(s.buf)-8192+n]
		if err != nil && n == 0 {
			return nil, err
		}
	}
}

// scan looks for the end of the value that begins in the buffer.
func (s *splitter) scan() ([]byte, error) {
	for ; s.from < len(s.buf); s.from++ {
		b := s.buf[s.from]
		switch {
		case s.start < 0 && b == '{':
			s.start, s.depth = s.from, 1
		case s.start < 0 && bytes.IndexByte([]byte(" \t\r\n"), b) < 0:
			return nil, errNotQMP
		case s.start < 0:
		case s.skip:
			s.skip = false
		case s.quote:
			s.skip = b == '\\'
			s.quote = b != '"'
		case b == '"':
			s.quote = true
		case b == '{' || b == '[':
			s.depth++
		case b == '}' || b == ']':
			if s.depth--; s.depth == 0 {
				v := s.buf[s.start : s.from+1]
				s.buf, s.from, s.start = s.buf[s.from+1:], 0, -1
				return v, nil
			}
		}
	}
	return nil, nil
}
