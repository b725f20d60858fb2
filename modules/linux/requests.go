package linux

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

const requestsHelp = `Lists the requests of block devices that are under way, the oldest first: of all devices,
of those that are named, or the struct request at the address.

ADDR    struct request
DISK    device
OP      read, write, flush, discard, ...
STATE   queued: in the I/O scheduler, or before it; issued: the device has it and has not
        answered; done: it has answered, which has not been told to who waits
AGE     seconds since it was made, as of the kernel clock's last update; - if the kernel
        does not note that (/sys/block/DISK/queue/iostats is 0)
SECTOR  where it begins, in units of 512 bytes
BYTES   how many it is for
HWQ TAG hardware queue and the tag there, - without one
BIO     first struct bio of it
END     the function that is called at the end of that

Devices that pass their I/O on to others (dm, md, ZFS volumes) have no requests of their
own. ::blocked tells who waits; ::zio_stuck the same of ZFS.
`

var requestTable = &core.Table{
	Head: "%<u>%-?s %-10s %-8s %-6s %9s %12s %9s %3s %4s %-?s %-s%</u>\n", Line: "%0?p %-10s %-8s %-6s %9s %12d %9d %3d %4s %0?p %-s\n", Type: "struct request",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "disk", Head: "DISK"}, {Name: "op", Head: "OP"}, {Name: "state", Head: "STATE", Descr: "queued, issued, done"},
		{Name: "age", Head: "AGE", Descr: "seconds"}, {Name: "sector", Head: "SECTOR", Descr: "of 512 bytes"}, {Name: "bytes", Head: "BYTES"},
		{Name: "hwq", Head: "HWQ"}, {Name: "tag", Head: "TAG"}, {Name: "bio", Head: "BIO"}, {Name: "end", Head: "END"}},
}

func requestDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "requests", Usage: "?[disk ...]", Descr: "requests of block devices that are under way", Type: "struct request", Help: requestsHelp,
		Table: requestTable, Run: runRequests, Complete: completeDisk,
	}}
}

func diskWalkers() []*core.Walker {
	return []*core.Walker{
		walker("gendisk", "block devices", "struct gendisk", allDisks),
		walker("request", "requests of block devices that are under way", "struct request", allRequests),
	}
}

// allRequests yields those of all devices.
func allRequests(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		list, failed := disks(v)
		for _, d := range list {
			for rq, err := range requestsOf(v, d.queue) {
				if !yield(rq, err) {
					return
				}
			}
		}
		if failed != nil {
			yield(0, failed)
		}
	}
}

// completeDisk gives the names of devices.
func completeDisk(s *core.Session, _ []string, word string) (found []core.Candidate) {
	list, _ := disks(kernel.Of(s))
	for _, d := range list {
		if len(d.name) >= len(word) && d.name[:len(word)] == word {
			found = append(found, core.Candidate{Text: d.name})
		}
	}
	return found
}

// States of a request: enum mq_rq_state.
const requestIdle = 0

var requestStates = []string{"queued", "issued", "done"}

// requestOps are the operations in the low byte of cmd_flags (include/linux/blk_types.h:
// REQ_OP_*).
var requestOps = map[uint64]string{0: "read", 1: "write", 2: "flush", 3: "discard", 5: "secerase", 7: "append", 9: "zeroes", 10: "zopen", 11: "zclose",
	12: "zfinish", 13: "append", 15: "zreset", 17: "zreset", 34: "drv-in", 35: "drv-out"}

// request is one that is under way.
type request struct {
	addr  uint64
	l     *requestLayout
	b     []byte
	disk  string
	age   uint64 // nanoseconds
	timed bool
}

func runRequests(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, failed := disks(v)
	now, nerr := Clock(v, "tkr_mono")
	readRequest := func(addr uint64, name string) (*request, error) {
		l, b, err := read(v, "struct request", addr, func(l *requestLayout) uint64 { return l.Size })
		if err != nil {
			return nil, err
		}
		r := &request{addr: addr, l: l, b: b, disk: name}
		if begun := l.Begun.Of(b); begun != 0 && nerr == nil {
			r.age, r.timed = now-min(begun, now), true
		}
		return r, nil
	}
	if c.HasAddr {
		if len(c.Args) > 0 {
			return core.ErrUsage
		}
		r, err := readRequest(c.Addr, "?")
		if err != nil {
			return err
		}
		for _, d := range list {
			if d.queue == r.l.Queue.Of(r.b) {
				r.disk = d.name
			}
		}
		return requestRow(c, v, r)
	}
	list, err := chosenDisks(c, list)
	if err != nil {
		failed = first(failed, err)
	}
	var found []*request
	for _, d := range list {
		for a, err := range requestsOf(v, d.queue) {
			if c.Err() != nil {
				return core.ErrIntr
			}
			var r *request
			if err == nil {
				r, err = readRequest(a, d.name)
			}
			if err != nil {
				if err = told(c, err); err != nil {
					return err
				}
				failed = first(failed, core.ErrFailed)
				continue
			}
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *request) int { return cmp.Compare(b.age, a.age) })
	for _, r := range found {
		if err := requestRow(c, v, r); err != nil {
			failed = first(failed, err)
		}
	}
	return failed
}

// chosenDisks are the devices that the arguments name, all if there are none.
func chosenDisks(c *core.Ctx, list []disk) (found []disk, failed error) {
	if len(c.Args) == 0 {
		return list, nil
	}
	for _, a := range c.Args {
		i := slices.IndexFunc(list, func(d disk) bool { return !a.IsImm && d.name == a.Str })
		if i < 0 {
			c.Warnf("there is no block device %s", a.Str)
			failed = core.ErrFailed
			continue
		}
		found = append(found, list[i])
	}
	return found, failed
}

func requestRow(c *core.Ctx, v *kernel.View, r *request) error {
	if c.PipeOut {
		c.Emit(r.addr, v.TypeOrNil("struct request"))
		return nil
	}
	op := r.l.Flags.Of(r.b) & 0xff
	word, ok := requestOps[op]
	if !ok {
		word = fmt.Sprint(op)
	}
	age, tag := "-", "-"
	if r.timed {
		age = fmt.Sprintf("%d.%03d", r.age/1e9, r.age%1e9/1e6)
	}
	if n := int32(r.l.Tag.Of(r.b)); n >= 0 {
		tag = fmt.Sprint(n)
	}
	hwq, herr := hwQueueNumber(v, r.l.HW.Of(r.b))
	bio := r.l.Bio.Of(r.b)
	end, eerr := "-", error(nil)
	if f := r.l.End.Of(r.b); bio == 0 && f != 0 {
		end = out.Sprintf(c.OutEnv(), "%a", f)
	}
	if bio != 0 {
		end, eerr = bioEnd(c, v, bio)
	}
	c.Row(out.Hex(r.addr), r.disk, word, named(requestStates, int(r.l.State.Of(r.b))), age, r.l.Sector.Of(r.b), r.l.Bytes.Of(r.b),
		cell(c, hwq, herr, "hardware queue", r.addr), tag, out.Hex(bio), cell(c, end, eerr, "bio", r.addr))
	return nil
}

func hwQueueNumber(v *kernel.View, addr uint64) (int, error) {
	if addr == 0 {
		return 0, nil
	}
	f, err := v.Member("struct blk_mq_hw_ctx", "queue_num")
	if err != nil {
		return 0, err
	}
	b, err := v.Bytes(addr+f.Off, f.Size, nil)
	if err != nil {
		return 0, kernel.BadRead("struct blk_mq_hw_ctx", addr, err)
	}
	f.Off = 0
	return int(f.Of(b)), nil
}

// bioEnd names the function that is called when a bio has ended.
func bioEnd(c *core.Ctx, v *kernel.View, addr uint64) (string, error) {
	f, err := v.Member("struct bio", "bi_end_io")
	if err != nil {
		return "", err
	}
	end, err := v.Pointer(addr + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct bio", addr, err)
	}
	if end == 0 {
		return "-", nil
	}
	return out.Sprintf(c.OutEnv(), "%a", end), nil
}
