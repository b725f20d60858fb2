package linux

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// The kernel's log is a ring of descriptors and one of text (kernel/printk/
// printk_ringbuffer.h, since 5.10). A descriptor's state and its number share a word: the
// two highest bits are the state. A block of text begins with the number of its
// descriptor.
const (
	descCommitted = 1
	descFinalized = 2
	descStateLow  = 62 // where the state begins in the word
	lposDataless  = 1  // bit of a text position: there is no text
	maxLogBits    = 31 // of the text: log_buf_len may be up to 2 GB
	maxDescBits   = 26 // of the descriptors: one for 32 bytes of text
	maxBadRecords = 64 // that cannot be read, before the rest is given up
	blockHead     = 8  // bytes of the number before a text
)

type ringLayout struct {
	Size      uint64       `ctf:"sizeof"`
	CountBits kernel.Field `ctf:"desc_ring.count_bits"`
	Descs     kernel.Field `ctf:"desc_ring.descs"`
	Infos     kernel.Field `ctf:"desc_ring.infos"`
	HeadID    kernel.Field `ctf:"desc_ring.head_id"`
	TailID    kernel.Field `ctf:"desc_ring.tail_id"`
	TextBits  kernel.Field `ctf:"text_data_ring.size_bits"`
	Text      kernel.Field `ctf:"text_data_ring.data"`
}

type descLayout struct {
	Size  uint64       `ctf:"sizeof"`
	State kernel.Field `ctf:"state_var"`
	Begin kernel.Field `ctf:"text_blk_lpos.begin"`
	Next  kernel.Field `ctf:"text_blk_lpos.next"`
}

type infoLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Seq      kernel.Field `ctf:"seq"`
	Time     kernel.Field `ctf:"ts_nsec"`
	Len      kernel.Field `ctf:"text_len"`
	Facility kernel.Field `ctf:"facility"`
}

// errOldLog is a log of the form before: one buffer of records of different sizes
// (struct printk_log).
var errOldLog = errors.New("the log has the form of kernels before 5.10, which is not read")

// logRecord is a message of the log.
type logRecord struct {
	seq, ns  uint64
	facility int
	level    int // 0 emergency to 7 debug
	text     string
}

// logReader reads the log.
type logReader struct {
	v     *kernel.View
	desc  *descLayout
	info  *infoLayout
	ring  *ringLayout
	b     []byte // the ring
	level kernel.Field
	shift uint // of level in its byte
}

func newLogReader(v *kernel.View) (*logReader, error) {
	r := &logReader{v: v}
	at, err := address(v, "prb")
	if err != nil {
		if _, old := v.Type("struct printk_log"); old == nil {
			return nil, errOldLog
		}
		return nil, err
	}
	rb, err := v.Pointer(at)
	if err != nil {
		return nil, kernel.BadRead("prb", at, err)
	}
	if r.ring, r.b, err = read(v, "struct printk_ringbuffer", rb, func(l *ringLayout) uint64 { return l.Size }); err != nil {
		return nil, err
	}
	if r.desc, err = kernel.Lay[descLayout](v, "struct prb_desc"); err != nil {
		return nil, err
	}
	if r.info, err = kernel.Lay[infoLayout](v, "struct printk_info"); err != nil {
		return nil, err
	}
	// flags:5 and level:3 are the byte behind facility
	r.level = r.info.Facility
	r.level.Off += r.info.Facility.Size
	r.shift = 5
	return r, r.check(rb)
}

// check refuses sizes that cannot be.
func (r *logReader) check(at uint64) error {
	for _, bits := range [][2]uint64{{r.ring.CountBits.Of(r.b), maxDescBits}, {r.ring.TextBits.Of(r.b), maxLogBits}} {
		if bits[0] == 0 || bits[0] > bits[1] {
			return fmt.Errorf("printk_ringbuffer at %x: %d bits cannot be", at, bits[0])
		}
	}
	return nil
}

// records yields the messages, the oldest first. One that is being written is left out.
func (r *logReader) records() iter.Seq2[logRecord, error] {
	return func(yield func(logRecord, error) bool) {
		mask := uint64(1)<<descStateLow - 1
		head, tail := r.ring.HeadID.Of(r.b)&mask, r.ring.TailID.Of(r.b)&mask
		count := uint64(1) << r.ring.CountBits.Of(r.b)
		if (head-tail)&mask >= count {
			yield(logRecord{}, fmt.Errorf("log: its first and last descriptors %x and %x are too far from each other", tail, head))
			return
		}
		bad := 0
		for id := tail; ; id = (id + 1) & mask {
			rec, ok, err := r.record(id, id%count)
			if err != nil {
				if bad++; bad > maxBadRecords {
					yield(rec, errors.New("log: too much of it cannot be read"))
					return
				}
			}
			if (err != nil || ok) && !yield(rec, err) || id == head {
				return
			}
		}
	}
}

func (r *logReader) record(id, slot uint64) (rec logRecord, ok bool, err error) {
	at := r.ring.Descs.Of(r.b) + slot*r.desc.Size
	d, err := r.v.Bytes(at, r.desc.Size, nil)
	if err != nil {
		return rec, false, kernel.BadRead("descriptor of the log", at, err)
	}
	state := r.desc.State.Of(d)
	if s := state >> descStateLow; state&(1<<descStateLow-1) != id || s != descCommitted && s != descFinalized {
		return rec, false, nil
	}
	at = r.ring.Infos.Of(r.b) + slot*r.info.Size
	i, err := r.v.Bytes(at, r.info.Size, nil)
	if err != nil {
		return rec, false, kernel.BadRead("record of the log", at, err)
	}
	rec = logRecord{seq: r.info.Seq.Of(i), ns: r.info.Time.Of(i), facility: int(r.info.Facility.Of(i)), level: int(i[r.level.Off] >> r.shift)}
	rec.text, err = r.text(r.desc.Begin.Of(d), r.desc.Next.Of(d), r.info.Len.Of(i))
	// A kernel that runs may have taken the descriptor for another record meanwhile.
	at = r.ring.Descs.Of(r.b) + slot*r.desc.Size
	if d, again := r.v.Bytes(at, r.desc.Size, nil); again == nil && (r.desc.State.Of(d)^state)&(1<<descStateLow-1) != 0 {
		return rec, false, nil
	}
	return rec, true, err
}

// text reads the block between two positions, which count on over the ring's end. One
// that would lie across the end lies at the ring's start.
func (r *logReader) text(begin, next, n uint64) (string, error) {
	bits := r.ring.TextBits.Of(r.b)
	mask := uint64(1)<<bits - 1
	if begin&lposDataless != 0 || n == 0 {
		return "", nil
	}
	from, size := begin&mask, next-begin
	if begin>>bits != next>>bits {
		if next&mask != 0 {
			from = 0
		}
		size = (next-1)&mask + 1 - from
	}
	if size <= blockHead || size > mask+1 {
		return "", fmt.Errorf("log: text from %x to %x cannot be", begin, next)
	}
	b, err := r.v.Bytes(r.ring.Text.Of(r.b)+from+blockHead, min(n, size-blockHead), nil)
	if err != nil {
		return "", kernel.BadRead("text of the log", r.ring.Text.Of(r.b)+from, err)
	}
	return string(b), nil
}

func logDcmds() []*core.Dcmd {
	dmesg := core.Dcmd{
		Name: "dmesg", Usage: "[-x] [-l level] [-n count]", Descr: "messages of the kernel's log",
		Help: `Prints the kernel's log, the oldest message first: seconds since boot and the text, as
dmesg(1) does.

-x        with facility and level
-l level  only messages of this level or a graver one: 0 emergency, 3 error, 4 warning,
          6 information, 7 debugging
-n count  only the last ones
`,
		Opts: []core.Opt{{Letter: 'x', Help: "with facility and level"}, {Letter: 'l', Kind: core.Uint, Arg: "level", Help: "only as grave as this"},
			{Letter: 'n', Kind: core.Uint, Arg: "count", Help: "only the last ones"}},
		Run: noArgs(runDmesg),
	}
	msgbuf := dmesg // MDB's name for it
	msgbuf.Name = "msgbuf"
	return []*core.Dcmd{&dmesg, &msgbuf}
}

// Names of levels and facilities as dmesg(1) shows them.
var (
	logLevels     = []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}
	logFacilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"}
)

func named(list []string, i int) string {
	if i >= 0 && i < len(list) {
		return list[i]
	}
	return fmt.Sprint(i)
}

func runDmesg(c *core.Ctx) error {
	r, err := newLogReader(kernel.Of(c.Session))
	if err != nil {
		return err
	}
	level, limited := c.OptUint('l')
	last, tail := c.OptUint('n')
	var list []logRecord
	for rec, err := range r.records() {
		if err != nil {
			c.Warnf("%s", err.Error())
			continue
		}
		if !limited || uint64(rec.level) <= level {
			list = append(list, rec)
		}
	}
	if tail && uint64(len(list)) > last {
		list = list[uint64(len(list))-last:]
	}
	for _, rec := range list {
		if c.Err() != nil {
			return core.ErrIntr
		}
		head := fmt.Sprintf("[%5d.%06d] ", rec.ns/1e9, rec.ns%1e9/1e3)
		if c.Opt('x') {
			head = fmt.Sprintf("%-6s:%-6s: ", named(logFacilities, rec.facility), named(logLevels, rec.level)) + head
		}
		c.Record(func() {
			for line := range strings.SplitSeq(rec.text, "\n") {
				c.Printf("%s%s\n", head, line)
			}
		}, out.Field{Name: "seq", Value: rec.seq}, out.Field{Name: "time", Value: fmt.Sprintf("%d.%06d", rec.ns/1e9, rec.ns%1e9/1e3)},
			out.Field{Name: "facility", Value: named(logFacilities, rec.facility)}, out.Field{Name: "level", Value: named(logLevels, rec.level)},
			out.Field{Name: "text", Value: rec.text})
	}
	return nil
}
