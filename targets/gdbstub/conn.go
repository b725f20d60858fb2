package gdbstub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answerTime is how long a stub may take for an answer.
const answerTime = 5 * time.Second

// Errors of a connection.
var (
	ErrSilent = errors.New("the stub does not answer")
	ErrGone   = errors.New("the stub is gone")
	// ErrNonsense is given for answers that are none.
	ErrNonsense = errors.New("the stub answers nonsense")
	// errUnsupported is an empty answer.
	errUnsupported = errors.New("the stub does not have it")
)

// stubError is an answer Enn.
type stubError string

func (e stubError) Error() string { return "the stub refuses: error " + string(e) }

// conn is a connection to a stub. Requests are made by one goroutine at a time.
type conn struct {
	c       net.Conn
	acks    atomic.Bool
	packets chan []byte // that came
	done    chan struct{}
	err     error // why the reader ended; valid after done
	broken  error // an answer is missing: what comes cannot be matched any more

	write sync.Mutex
	wait  time.Duration
	ran   func() // is called when a request has halted a machine that somebody else let go
}

// dial connects to a stub: a path (with a slash), or HOST:PORT.
func dial(ctx context.Context, addr string, wait time.Duration) (*conn, error) {
	network := "tcp"
	if strings.ContainsAny(addr, "/\\") || !strings.Contains(addr, ":") {
		network = "unix"
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Err != nil {
			err = op.Err
		}
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return newConn(c, wait), nil
}

func newConn(c net.Conn, wait time.Duration) *conn {
	q := &conn{c: c, packets: make(chan []byte, 64), done: make(chan struct{}), wait: wait}
	q.acks.Store(true)
	go q.read()
	return q
}

// read hands on packets until the stream ends.
func (q *conn) read() {
	defer close(q.done)
	in := newScanner(q.c)
	acks := 0
	var ready [][]byte
	// Acknowledgements go out together, and before anybody can answer with another
	// request: QEMU takes one that comes after the machine was let go for a wish to halt
	// it.
	in.drained = func() {
		if acks > 0 {
			q.put(bytes.Repeat([]byte{'+'}, acks))
			acks = 0
		}
		for _, p := range ready {
			q.packets <- p
		}
		ready = ready[:0]
	}
	for {
		e, err := in.next()
		if err != nil {
			q.err = ErrGone
			if errors.Is(err, errLength) || errors.Is(err, errRun) {
				q.err = fmt.Errorf("%w: %v", ErrNonsense, err)
			}
			q.c.Close()
			in.drained()
			return
		}
		switch {
		case e.kind != '$': // acknowledgements tell nothing that an answer does not
		case e.bad && q.acks.Load():
			in.drained()
			q.put([]byte{'-'}) // it is sent again
		case e.bad: // its absence is noticed
		default:
			if q.acks.Load() {
				acks++
			}
			ready = append(ready, e.data)
		}
	}
}

func (q *conn) put(b []byte) error {
	q.write.Lock()
	defer q.write.Unlock()
	q.c.SetWriteDeadline(time.Now().Add(q.wait))
	if _, err := q.c.Write(b); err != nil {
		return ErrGone
	}
	return nil
}

// receive waits for a packet.
func (q *conn) receive(timer <-chan time.Time) ([]byte, error) {
	select {
	case p := <-q.packets:
		return p, nil
	case <-q.done:
		select {
		case p := <-q.packets: // it came before the end
			return p, nil
		default:
		}
		return nil, q.err
	case <-timer:
		return nil, ErrSilent
	}
}

// isStop tells a stop reply from the answers to other requests: none of those that
// this client makes begins with these letters in capitals.
func isStop(p []byte) bool {
	return len(p) >= 3 && strings.IndexByte("TSWX", p[0]) >= 0
}

// requests sends several requests at once and gives each answer to take, in order.
// A stop reply among them means that the machine ran, and that the stub took what
// we sent for a wish to stop it: the whole is sent again.
func (q *conn) requests(payloads []string, take func(i int, answer []byte)) error {
	if q.broken != nil {
		return q.broken
	}
	for range 3 {
		again, err := q.try(payloads, take)
		if err != nil {
			q.broken = err
			return err
		}
		if !again {
			return nil
		}
	}
	q.broken = fmt.Errorf("%w: it stops again and again", ErrNonsense)
	return q.broken
}

func (q *conn) try(payloads []string, take func(i int, answer []byte)) (again bool, err error) {
	var out []byte
	for _, p := range payloads {
		out = append(out, encode(p)...)
	}
	if err := q.put(out); err != nil {
		return false, err
	}
	timer := time.NewTimer(q.wait)
	defer timer.Stop()
	for i := 0; i < len(payloads); {
		p, err := q.receive(timer.C)
		if err != nil {
			return false, err
		}
		timer.Reset(q.wait)
		switch {
		case isStop(p) && !strings.HasPrefix(payloads[i], "?"):
			if i == 0 {
				q.drain(50 * time.Millisecond)
				if q.ran != nil {
					q.ran()
				}
				return true, nil
			}
			return false, fmt.Errorf("%w: a stop among other answers", ErrNonsense)
		case strings.HasPrefix(payloads[i], "qRcmd") && len(p) > 1 && p[0] == 'O' && string(p) != "OK":
			take(i, p) // a piece of output: the answer follows
			continue
		}
		take(i, p)
		i++
	}
	return false, nil
}

// drain lets answers pass that come late.
func (q *conn) drain(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if _, err := q.receive(timer.C); err != nil {
			return
		}
	}
}

// ask makes one request. An empty answer is errUnsupported, Enn a stubError.
func (q *conn) ask(payload string) ([]byte, error) {
	var answer []byte
	if err := q.requests([]string{payload}, func(_ int, a []byte) { answer = a }); err != nil {
		return nil, err
	}
	return answer, refusal(answer)
}

// refusal is the error that an answer is.
func refusal(a []byte) error {
	if len(a) == 0 {
		return errUnsupported
	}
	if len(a) == 3 && a[0] == 'E' {
		_, ok := unhex(a[1])
		_, ok2 := unhex(a[2])
		if ok && ok2 {
			return stubError(a[1:])
		}
	}
	return nil
}

// ok makes a request that is answered with OK.
func (q *conn) ok(payload string) error {
	a, err := q.ask(payload)
	if err == nil && string(a) != "OK" {
		err = fmt.Errorf("%w: %.40q to %.40q", ErrNonsense, a, payload)
	}
	return err
}

// Close ends the connection and its reader.
func (q *conn) Close() error {
	err := q.c.Close()
	for {
		select {
		case <-q.packets:
		case <-q.done:
			return err
		}
	}
}
