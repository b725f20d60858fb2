package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Times after which a server that says nothing is given up.
const (
	greetingTime = 3 * time.Second
	answerTime   = 10 * time.Second
)

// Errors of a connection.
var (
	// ErrGone is given for a hypervisor that has ended, or closed the connection.
	ErrGone = errors.New("the hypervisor is gone")
	// ErrSilent is given for a server that did not answer in time.
	ErrSilent = errors.New("no answer")
)

// monitor carries QMP commands to a QEMU, in one way or another. Its methods may be
// called by several goroutines.
type monitor interface {
	// Execute runs a command. An error wraps a *QMPError where QEMU refused it.
	Execute(ctx context.Context, command string, args any, result any) error
	// Events tells whether the listener hears of changes.
	Events() bool
	// PID is the hypervisor's process, 0 if it is not known, or on another host.
	PID() int
	Name() string
	Close() error
}

// conn is a monitor at the end of a socket.
type conn struct {
	name  string
	c     net.Conn
	pid   int
	event func(*message) // is called by the reader

	busy    sync.Mutex // is held during a command
	lastID  uint64
	answers chan *message
	done    chan struct{} // closed when the reader has ended
	err     error         // why; valid after done
	wait    time.Duration // for an answer
	silent  atomic.Bool   // an answer did not come in time, and none since
}

// dial connects to a QMP socket: a path (with a slash), or HOST:PORT.
func dial(ctx context.Context, addr string, event func(*message)) (*conn, error) {
	network := "tcp"
	if strings.ContainsAny(addr, "/\\") || !strings.Contains(addr, ":") {
		network = "unix"
	}
	ctx, cancel := context.WithTimeout(ctx, greetingTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, reasonOf(err))
	}
	q := &conn{name: "qmp:" + addr, c: c, event: event, answers: make(chan *message, 16), done: make(chan struct{}), pid: peer(c), wait: answerTime}
	if err := q.greet(ctx); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// reasonOf gives the system's reason of a network error.
func reasonOf(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var inner interface{ Unwrap() error }
	if errors.As(err, &inner) && strings.HasPrefix(err.Error(), "connect: ") {
		return inner.Unwrap()
	}
	return err
}

// greet waits for the greeting and leaves the state in which nothing but
// qmp_capabilities is understood.
func (q *conn) greet(ctx context.Context) error {
	end, _ := ctx.Deadline()
	q.c.SetReadDeadline(end)
	in := newSplitter(q.c)
	in.limit = maxGreeting
	b, err := in.next()
	in.limit = maxMessage
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s: %w within %v: another client may hold the monitor (libvirt: -g virsh:DOMAIN, -g pid:PID)", q.name, ErrSilent, greetingTime)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the connection was closed without a greeting", q.name)
	case err != nil:
		return fmt.Errorf("%s: %w", q.name, reasonOf(err))
	}
	m, err := parseMessage(b)
	if err == nil && m.QMP == nil {
		err = errNotQMP
	}
	if err != nil {
		return fmt.Errorf("%s: %w", q.name, err)
	}
	q.c.SetReadDeadline(time.Time{})
	go q.read(in)
	if err := q.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		return fmt.Errorf("%s: %w", q.name, err)
	}
	return nil
}

// read hands on what comes until the connection ends.
func (q *conn) read(in *splitter) {
	defer close(q.done)
	for {
		b, err := in.next()
		if err == nil {
			var m *message
			if m, err = parseMessage(b); err == nil {
				q.hand(m)
				continue
			}
		}
		q.err = ErrGone
		if errors.Is(err, errNotQMP) {
			q.err = err
		}
		q.event(nil)
		q.c.Close()
		return
	}
}

func (q *conn) hand(m *message) {
	if m.Event != "" {
		q.event(m)
		return
	}
	q.silent.Store(false)
	select {
	case q.answers <- m:
	default: // answers that nobody waits for
	}
}

// Execute implements monitor.
func (q *conn) Execute(ctx context.Context, command string, args any, result any) error {
	q.busy.Lock()
	defer q.busy.Unlock()
	if q.silent.Load() {
		return fmt.Errorf("%s: %w to a command before %s", q.name, ErrSilent, command)
	}
	q.lastID++
	b, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        uint64 `json:"id"`
	}{command, args, q.lastID})
	if err != nil {
		return err
	}
	timer := time.NewTimer(q.wait)
	defer timer.Stop()
	q.c.SetWriteDeadline(time.Now().Add(q.wait))
	if _, err := q.c.Write(append(b, '\n')); err != nil {
		return q.lost()
	}
	for {
		select {
		case m := <-q.answers:
			if m.answers(q.lastID) {
				return decode(command, m, result)
			}
		case <-q.done:
			// The answer may have come before the end did.
			for len(q.answers) > 0 {
				if m := <-q.answers; m.answers(q.lastID) {
					return decode(command, m, result)
				}
			}
			return q.err
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			q.silent.Store(true)
			return fmt.Errorf("%s: %w to %s within %v", q.name, ErrSilent, command, q.wait)
		}
	}
}

// lost is why nothing can be written.
func (q *conn) lost() error {
	select {
	case <-q.done:
		return q.err
	case <-time.After(100 * time.Millisecond):
		return ErrGone
	}
}

// decode gives what a command has returned.
func decode(command string, m *message, result any) error {
	if m.Error != nil {
		return fmt.Errorf("%s: %w", command, m.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Return, result); err != nil {
		return fmt.Errorf("%w: %v", errNotQMP, err)
	}
	return nil
}

// Events implements monitor.
func (q *conn) Events() bool { return true }

// PID implements monitor.
func (q *conn) PID() int { return q.pid }

// Name implements monitor.
func (q *conn) Name() string { return q.name }

// Close implements monitor.
func (q *conn) Close() error { return q.c.Close() }

// human runs a command of the human monitor and gives its text.
func human(ctx context.Context, m monitor, line string) (string, error) {
	var text string
	err := m.Execute(ctx, "human-monitor-command", map[string]string{"command-line": line}, &text)
	return text, err
}
