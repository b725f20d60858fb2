package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// strFlag is a bit of a stream's structure, by its place in a table, or a type of
// message: its name and what it says.
type strFlag struct{ name, descr string }

var queueFlags = []strFlag{
	{"QENAB", "Queue is already enabled to run"}, {"QWANTR", "Someone wants to read Q"}, {"QWANTW", "Someone wants to write Q"}, {"QFULL", "Q is considered full"},
	{"QREADR", "This is the reader (first) Q"}, {"QUSE", "This queue in use (allocation)"}, {"QNOENB", "Don't enable Q via putq"}, {"QWANTRMQSYNC", "Want to remove sync stream Q"},
	{"QBACK", "queue has been back-enabled"}, {"0x00000200", "unused (was QHLIST)"}, {"0x00000400", "unused (was QUNSAFE)"}, {"QPAIR", "per queue-pair syncq"},
	{"QPERQ", "per queue-instance syncq"}, {"QPERMOD", "per module syncq"}, {"QMTSAFE", "stream module is MT-safe"}, {"QMTOUTPERIM", "Has outer perimeter"},
	{"QINSERVICE", "service routine executing"}, {"QWCLOSE", "will not be enabled"}, {"QEND", "last queue in stream"}, {"QWANTWSYNC", "Streamhead wants to write Q"},
	{"QSYNCSTR", "Q supports Synchronous STREAMS"}, {"QISDRV", "the Queue is attached to a driver"}, {"0x00400000", "unused (was QHOT)"}, {"0x00800000", "unused (was QNEXTHOT)"},
	{"0x01000000", "unused (was _QNEXTLESS)"}, {"0x02000000", "unused"}, {"_QINSERTING", "module is inserted with _I_INSERT"}, {"_QREMOVING", "module is removed with _I_REMOVE"},
	{"_QASSOCIATED", "queue is associated with a device"},
}

var syncqFlags = []strFlag{
	{"SQ_EXCL", "Exclusive access to inner perimeter"}, {"SQ_BLOCKED", "qprocsoff in progress"}, {"SQ_FROZEN", "freezestr in progress"}, {"SQ_WRITER", "qwriter(OUTER) pending or running"},
	{"SQ_MESSAGES", "There are messages on syncq"}, {"SQ_WANTWAKEUP", "Thread waiting on sq_wait"}, {"SQ_WANTEXWAKEUP", "Thread waiting on sq_exwait"}, {"SQ_EVENTS", "There are events on syncq"},
}

var syncqTypes = []strFlag{
	{"SQ_CIPUT", "Concurrent inner put procedure"}, {"SQ_CISVC", "Concurrent inner svc procedure"}, {"SQ_CIOC", "Concurrent inner open/close"}, {"SQ_CICB", "Concurrent inner callback"},
	{"SQ_COPUT", "Concurrent outer put procedure"}, {"SQ_COSVC", "Concurrent outer svc procedure"}, {"SQ_COOC", "Concurrent outer open/close"}, {"SQ_COCB", "Concurrent outer callback"},
}

var streamFlags = []strFlag{
	{"IOCWAIT", "someone is doing an ioctl"}, {"RSLEEP", "someone wants to read/recv msg"}, {"WSLEEP", "someone wants to write"}, {"STRPRI", "an M_PCPROTO is at stream head"},
	{"STRHUP", "device has vanished"}, {"STWOPEN", "waiting for 1st open"}, {"STPLEX", "stream is being multiplexed"}, {"STRISTTY", "stream is a terminal"},
	{"STRGETINPROG", "(k)strgetmsg is running"}, {"IOCWAITNE", "STR_NOERROR ioctl running"}, {"STRDERR", "fatal read error from M_ERROR"}, {"STWRERR", "fatal write error from M_ERROR"},
	{"STRDERRNONPERSIST", "nonpersistent read errors"}, {"STWRERRNONPERSIST", "nonpersistent write errors"}, {"STRCLOSE", "wait for a close to complete"}, {"SNDMREAD", "used for read notification"},
	{"OLDNDELAY", "use old NDELAY TTY semantics"}, {"0x00020000", "unused"}, {"0x00040000", "unused"}, {"STRTOSTOP", "block background writes"},
	{"0x00100000", "unused"}, {"0x00200000", "unused"}, {"STRMOUNT", "stream is mounted"}, {"STRNOTATMARK", "Not at mark (when empty read q)"},
	{"STRDELIM", "generate delimited messages"}, {"STRATMARK", "at mark (due to MSGMARKNEXT)"}, {"STZCNOTIFY", "wait for zerocopy mblk to be acked"}, {"STRPLUMB", "stream plumbing changes in progress"},
	{"STREOF", "End-of-file indication"}, {"STREOPENFAIL", "re-open has failed"}, {"STRMATE", "this stream is a mate"}, {"STRHASLINKS", "there are I_LINKs under this stream"},
}

var msgFlags = []strFlag{
	{"MSGMARK", "last byte of message is marked"}, {"MSGNOLOOP", "don't loop message to write side"}, {"MSGDELIM", "message is delimited"}, {"0x08", "unused"},
	{"MSGMARKNEXT", "Private: b_next's first byte marked"}, {"MSGNOTMARKNEXT", "Private: ... not marked"}, {"MSGHASREF", "Private: msg has reference to owner"},
}

// msgTypes are the types of messages: the name that a row has is that of the constant,
// in small letters.
var msgTypes = map[uint64]strFlag{
	0: {"M_DATA", "regular data"}, 1: {"M_PROTO", "protocol control"}, 2: {"M_MULTIDATA", "multidata"}, 8: {"M_BREAK", "line break"}, 9: {"M_PASSFP", "pass file pointer"},
	10: {"M_EVENT", "Obsoleted: do not use"}, 11: {"M_SIG", "generate process signal"}, 12: {"M_DELAY", "real-time xmit delay"}, 13: {"M_CTL", "device-specific control message"},
	14: {"M_IOCTL", "ioctl; set/get params"}, 16: {"M_SETOPTS", "set stream head options"}, 17: {"M_RSE", "reserved for RSE use only"}, 0x81: {"M_IOCACK", "acknowledge ioctl"},
	0x82: {"M_IOCNAK", "negative ioctl acknowledge"}, 0x83: {"M_PCPROTO", "priority proto message"}, 0x84: {"M_PCSIG", "generate process signal"}, 0x85: {"M_READ", "generate read notification"},
	0x86: {"M_FLUSH", "flush your queues"}, 0x87: {"M_STOP", "stop transmission immediately"}, 0x88: {"M_START", "restart transmission after stop"}, 0x89: {"M_HANGUP", "line disconnect"},
	0x8a: {"M_ERROR", "send error to stream head"}, 0x8b: {"M_COPYIN", "request to copyin data"}, 0x8c: {"M_COPYOUT", "request to copyout data"}, 0x8d: {"M_IOCDATA", "response to M_COPYIN and M_COPYOUT"},
	0x8e: {"M_PCRSE", "reserved for RSE use only"}, 0x8f: {"M_STOPI", "stop reception immediately"}, 0x90: {"M_STARTI", "restart reception after stop"}, 0x91: {"M_PCEVENT", "Obsoleted: do not use"},
	0x92: {"M_UNHANGUP", "line reconnect"},
}

// msgType is the type of a message as a row has it.
func msgType(t uint64) string {
	if f, ok := msgTypes[t]; ok {
		return strings.ToLower(f.name[2:])
	}
	if t == 0xf {
		return "unused"
	}
	if t < 0x12 {
		return fmt.Sprintf("unused (0x%02x)", t)
	}
	return "UNKNOWN"
}

// flagFilter is a filter by flags: which must be set and which must not.
type flagFilter struct{ on, off uint64 }

func (f flagFilter) passes(flags uint64) bool {
	return (f.on == 0 || flags&f.on != 0) && flags&f.off == 0
}

// strFilter reads the filter that two options of a name each make. With a name that is
// not known it shows those that are.
func strFilter(c *core.Ctx, on, off byte, table []strFlag, what string) (f flagFilter, err error) {
	for _, o := range []struct {
		letter byte
		mask   *uint64
	}{{on, &f.on}, {off, &f.off}} {
		name, ok := c.OptStr(o.letter)
		if !ok {
			continue
		}
		for i, t := range table {
			if strings.EqualFold(t.name, name) {
				*o.mask |= 1 << i
			}
		}
		if *o.mask == 0 {
			c.Warnf("unrecognized %s '%s'", what, name)
			for _, t := range table {
				c.Printf("%-14s %s\n", t.name, t.descr)
			}
			return f, core.ErrUsage
		}
	}
	return f, nil
}

// explain prints what flags say, under the column that they are in; more is whether
// the arrow has been drawn.
func explain(c *core.Ctx, column int, flags uint64, table []strFlag, more bool) bool {
	for i, t := range table {
		if flags>>i&1 == 0 {
			continue
		}
		if !more {
			c.Printf("%*s|\n%*s+-->  ", column, "", column, "")
			more = true
		} else {
			c.Printf("%*s      ", column, "")
		}
		c.Printf("%-12s %s\n", t.name, t.descr)
	}
	return more
}
