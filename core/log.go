package core

import (
	"io"
	"os"
)

// log is a session's log file: a copy of what the session reads and writes.
type log struct {
	path string
	file *os.File
	on   bool
	out  io.Writer // what the session wrote to before
	err  io.Writer
}

// tee writes to the session's writer and to the log.
type tee struct{ w, log io.Writer }

func (t tee) Write(p []byte) (int, error) {
	t.log.Write(p)
	return t.w.Write(p)
}

// LogFile is the file the session is or was logged to, "" if none; on tells
// whether logging is enabled.
func (s *Session) LogFile() (path string, on bool) { return s.log.path, s.log.on }

// StartLog logs the session to a file, to which it appends, or with path ""
// again to the last one. p is the printer of the session's own output.
func (s *Session) StartLog(p interface {
	SetOutput(io.Writer) io.Writer
}, path string) error {
	l := &s.log
	if path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		s.StopLog(p)
		if l.file != nil {
			l.file.Close()
		}
		l.path, l.file = path, f
	}
	if l.on || l.file == nil {
		return nil
	}
	l.on = true
	l.err = s.Stderr
	s.Stderr = tee{l.err, l.file}
	l.out = p.SetOutput(nil)
	p.SetOutput(tee{l.out, l.file})
	return nil
}

// StopLog stops logging; false if it was not enabled.
func (s *Session) StopLog(p interface {
	SetOutput(io.Writer) io.Writer
}) bool {
	l := &s.log
	if !l.on {
		return false
	}
	l.on = false
	p.SetOutput(l.out)
	s.Stderr = l.err
	return true
}

// LogInput copies a line that the session read to its log.
func (s *Session) LogInput(line string) {
	if s.log.on {
		io.WriteString(s.log.file, line)
	}
}
