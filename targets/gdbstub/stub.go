package gdbstub

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// stub is what is known of a stub.
type stub struct {
	packet   int  // bytes that a packet may have
	physical bool // qqemu.PhyMemMode
	physMode bool // it is switched on: whoever was here before has left it so
	vCont    bool // with c and s
	xml      *description
}

// Sizes of packets, bytes: what is assumed where the stub does not say, and the
// largest that are made use of. A request for memory whose answer fills a packet of
// 4096 is known to work with QEMU and bhyve.
const (
	smallPacket = 400
	largePacket = 4096
)

// learn asks what the stub can do.
func (s *stub) learn(q *conn, bhyve bool) error {
	offer := "qSupported:swbreak+"
	if !bhyve {
		offer = "qSupported:swbreak+;hwbreak+;xmlRegisters=i386"
	}
	s.packet = smallPacket
	a, err := q.ask(offer)
	if err != nil && !errors.Is(err, errUnsupported) && q.broken != nil {
		return err
	}
	features := map[string]string{}
	for _, f := range strings.Split(string(a), ";") {
		k, v, _ := strings.Cut(strings.TrimRight(f, "+"), "=")
		features[k] = v
	}
	s.packet = packetSize(features["PacketSize"])
	if bhyve {
		return nil
	}
	if _, has := features["QStartNoAckMode"]; has {
		if q.ok("QStartNoAckMode") == nil {
			q.acks.Store(false)
		}
	}
	if _, has := features["qXfer:features:read"]; has {
		d, err := describe(func(name string) ([]byte, error) { return s.transfer(q, name) })
		if err != nil {
			return err
		}
		s.xml = d
		if !strings.Contains(d.arch, "i386") && d.arch != "" {
			return fmt.Errorf("a machine of %.40s: only x86 is supported", d.arch)
		}
	}
	if a, err := q.ask("vCont?"); err == nil {
		s.vCont = strings.Contains(string(a), ";c") && strings.Contains(string(a), ";s")
	} else if q.broken != nil {
		return err
	}
	if a, err := q.ask("qqemu.PhyMemMode"); err == nil {
		s.physMode = string(a) == "1"
		s.physical = s.physMode || string(a) == "0"
	}
	return q.broken
}

// packetSize reads PacketSize, which is hexadecimal: bhyve's "4096" is meant to be
// decimal.
func packetSize(v string) int {
	n, err := strconv.ParseUint(v, 16, 31)
	if err != nil || n < smallPacket {
		return smallPacket
	}
	return min(int(n), largePacket)
}

// transfer reads a document of the target's description.
func (s *stub) transfer(q *conn, name string) ([]byte, error) {
	if strings.ContainsAny(name, ":#$}*") || name == "" || len(name) > 200 {
		return nil, fmt.Errorf("%w: a document named %.40q", ErrNonsense, name)
	}
	var doc []byte
	for len(doc) < maxXML {
		a, err := q.ask(fmt.Sprintf("qXfer:features:read:%s:%x,%x", name, len(doc), s.packet-16))
		switch {
		case err != nil:
			return nil, err
		case a[0] != 'l' && a[0] != 'm':
			return nil, fmt.Errorf("%w: %.40q to qXfer", ErrNonsense, a)
		}
		doc = append(doc, a[1:]...)
		if a[0] == 'l' {
			return doc, nil
		}
		if len(a) == 1 {
			break
		}
	}
	return nil, fmt.Errorf("%w: a document without an end", ErrNonsense)
}

// layout is how the stub lays out registers: as it describes them, else by their
// size in bytes.
func (s *stub) layout(size int) *description {
	if s.xml != nil {
		return s.xml
	}
	if size < 17*8 {
		return plainI386
	}
	return plainAMD64
}
