package lang

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// MaxLine is the longest line of input accepted, in bytes.
const MaxLine = 1 << 24

// ErrLineTooLong is returned by a Source for a line of more than MaxLine bytes.
var ErrLineTooLong = errors.New("input line is too long")

// A Source supplies input line by line. ReadLine returns a line with its
// newline; the last line may lack it. At the end it returns "" and io.EOF.
type Source interface {
	ReadLine() (string, error)
}

type readerSource struct{ r *bufio.Reader }

// NewReader makes a Source of a file or another byte stream.
func NewReader(r io.Reader) Source { return &readerSource{bufio.NewReader(r)} }

func (s *readerSource) ReadLine() (string, error) {
	var b strings.Builder
	for {
		part, err := s.r.ReadSlice('\n')
		if b.Len()+len(part) > MaxLine {
			return "", ErrLineTooLong
		}
		b.Write(part)
		switch {
		case err == nil:
			return b.String(), nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && b.Len() > 0:
			return b.String(), nil
		default:
			return "", err
		}
	}
}

type stringSource struct {
	rest string
	done bool
}

// NewString makes a Source of a command string, such as the argument of -e or
// of ::eval. As in MDB a newline follows the string.
func NewString(s string) Source { return &stringSource{rest: s} }

func (s *stringSource) ReadLine() (string, error) {
	if s.done {
		return "", io.EOF
	}
	if i := strings.IndexByte(s.rest, '\n'); i >= 0 {
		line := s.rest[:i+1]
		s.rest = s.rest[i+1:]
		return line, nil
	}
	s.done = true
	if len(s.rest) >= MaxLine {
		return "", ErrLineTooLong
	}
	return s.rest + "\n", nil
}
