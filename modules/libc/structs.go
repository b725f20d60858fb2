package libc

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// cell is one value in a line of ::ulwp and ::uberdata: a member, or with & its
// address, and how it is shown.
type cell struct {
	path string
	how  byte
}

// How cells are shown.
const (
	ptrWide  = 'P' // a pointer, or <NULL>, padded to 21
	ptr      = 'p'
	addrWide = 'A' // the address of the member
	addr     = 'a'
	dec10    = 'D' // %-10d
	dec      = 'd'
	dec21    = 'L' // %-21d
	hexOr10  = 'X' // 0x%-8x, %-10d of zero
	hexOr    = 'x' // 0x%x, %d of zero
	hex8     = 'H' // 0x%08x
	flags    = 'F' // of a stack_t
	size21   = 'S' // %-21H
	hexMask  = 'M' // 0x%x
)

// structLine is a heading and the line below it, which begins with the offset of a member.
type structLine struct {
	head  string
	at    string
	cells []cell
}

// show reads and prints the lines of a structure.
func show(c *core.Ctx, v value.Value, lines []structLine) error {
	r := &reader{v: v}
	for _, l := range lines {
		off, err := v.Path(l.at)
		if err != nil {
			return err
		}
		if l.head != "" {
			c.P.WriteString("           " + l.head + "\n")
		}
		var text []string
		for _, x := range l.cells {
			text = append(text, showCell(c, r, x))
		}
		if r.err != nil {
			return r.err
		}
		c.P.WriteString(fmt.Sprintf("+0x%-7x ", uint64(off.Addr-v.Addr)) + strings.Join(text, " ") + "\n")
	}
	return nil
}

func showCell(c *core.Ctx, r *reader, x cell) string {
	switch x.how {
	case ptrWide, ptr:
		return pointer(c, r.uint(x.path), x.how == ptrWide)
	case addrWide, addr:
		m, err := r.v.Path(x.path)
		if err != nil {
			r.err = err
			return ""
		}
		return pointer(c, uint64(m.Addr), x.how == addrWide)
	case hex8:
		return fmt.Sprintf("0x%08x", r.uint(x.path))
	case hexMask:
		return fmt.Sprintf("0x%x", r.uint(x.path))
	case flags:
		return stackFlags(int32(r.int(x.path)))
	case size21:
		return out.Sprintf(c.OutEnv(), "%-21H", r.uint(x.path))
	}
	if x.path == "" {
		return strings.Repeat(" ", 21)
	}
	n := r.int(x.path)
	switch {
	case x.how == hexOr10 && n != 0:
		return fmt.Sprintf("0x%-8x", uint64(n)&0xffffffff)
	case x.how == hexOr && n != 0:
		return fmt.Sprintf("0x%x", uint64(n)&0xffffffff)
	case x.how == dec21:
		return fmt.Sprintf("%-21d", n)
	case x.how == dec10, x.how == hexOr10:
		return fmt.Sprintf("%-10d", n)
	}
	return fmt.Sprint(n)
}

// pointer shows a pointer with all its digits.
func pointer(c *core.Ctx, v uint64, wide bool) string {
	s := "<NULL>"
	if v != 0 {
		s = fmt.Sprintf("0x%0*x", 2*c.Arch().PtrSize, v)
	}
	if wide {
		return fmt.Sprintf("%-21s", s)
	}
	return s
}

// row makes a line of cells of one kind but the last.
func row(head string, how, last byte, paths ...string) structLine {
	l := structLine{head: head, at: paths[0]}
	for i, p := range paths {
		h := how
		if i == len(paths)-1 {
			h = last
		}
		l.cells = append(l.cells, cell{p, h})
	}
	return l
}

var ulwpLines = []structLine{
	row("self                  uberdata", ptrWide, ptr, "ul_self", "ul_uberdata"),
	{"tlsent                ntlsent", "ul_tls", []cell{{"ul_tls.tls_data", ptrWide}, {"ul_tls.tls_size", dec}}},
	row("forw                  back                  next", ptrWide, ptr, "ul_forw", "ul_back", "ul_next"),
	row("hash                  rval                  stk", ptrWide, ptr, "ul_hash", "ul_rval", "ul_stk"),
	{"mapsiz     guardsize  stktop                stksiz", "ul_mapsiz", []cell{{"ul_mapsiz", dec10}, {"ul_guardsize", dec10}, {"ul_stktop", ptrWide}, {"ul_stksiz", dec}}},
	{"ustack.ss_sp          ustack.ss_size        ustack.ss_flags", "ul_ustack", []cell{{"ul_ustack.ss_sp", ptrWide}, {"ul_ustack.ss_size", dec21}, {"ul_ustack.ss_flags", flags}}},
	row("ix         lwpid      pri        epri       policy     cid", dec10, dec, "ul_ix", "ul_lwpid", "ul_pri", "ul_epri", "ul_policy", "ul_cid"),
	{"cursig     pleasestop stop       signalled  dead       unwind", "ul_cp", []cell{
		{"ul_cp.s.cursig", dec10}, {"ul_cp.s.pleasestop", hexOr10}, {"ul_stop", hexOr10}, {"ul_signalled", dec10}, {"ul_dead", dec10}, {"ul_unwind", dec}}},
	row("detached   writer     stopping   can'prolog preempt    savpreempt", dec10, dec, "ul_detached", "ul_writer", "ul_stopping", "ul_cancel_prologue", "ul_preempt", "ul_savpreempt"),
	row("sigsuspend main       fork       primarymap m'spinners d'noreserv", dec10, dec, "ul_sigsuspend", "ul_main", "ul_fork", "ul_primarymap", "ul_max_spinners", "ul_door_noreserve"),
	row("queue_fifo c'w'defer  e'detect'  async_safe rt         rtqueued", dec10, dec, "ul_queue_fifo", "ul_cond_wait_defer", "ul_error_detection", "ul_async_safe", "ul_rt", "ul_rtqueued"),
	row("misaligned adapt'spin queue_spin critical   sigdefer   vfork", dec10, dec, "ul_misaligned", "ul_adaptive_spin", "ul_queue_spin", "ul_critical", "ul_sigdefer", "ul_vfork"),
	row("cancelable c'pending  c'disabled c'async    save_async mutator", dec10, dec, "ul_cancelable", "ul_cancel_pending", "ul_cancel_disabled", "ul_cancel_async", "ul_save_async", "ul_mutator"),
	row("created    replace    nocancel   errno      errnop", dec10, ptr, "ul_created", "ul_replace", "ul_nocancel", "ul_errno", "ul_errnop"),
	row("clnup_hdr             schedctl_called       schedctl", ptrWide, ptr, "ul_clnup_hdr", "ul_schedctl_called", "ul_schedctl"),
	{"bindflags  libc_locks stsd                  &ftsd", "ul_bindflags", []cell{{"ul_bindflags", hexOr10}, {"ul_libc_locks", dec10}, {"ul_stsd", ptrWide}, {"ul_ftsd", addr}}},
	{"eventmask[0..1]       eventnum              eventdata", "ul_td_evbuf", []cell{
		{"ul_td_evbuf.eventmask.event_bits[0]", hex8}, {"ul_td_evbuf.eventmask.event_bits[1]", hex8}, {"ul_td_evbuf.eventnum", dec21}, {"ul_td_evbuf.eventdata", ptr}}},
	{"td'enable  sync'reg   qtype      cv_wake    rtld       usropts", "ul_td_events_enable", []cell{
		{"ul_td_events_enable", dec10}, {"ul_sync_obj_reg", dec10}, {"ul_qtype", dec10}, {"ul_cv_wake", dec10}, {"ul_rtld", dec10}, {"ul_usropts", hexOr}}},
	row("startpc               startarg              wchan", ptrWide, ptr, "ul_startpc", "ul_startarg", "ul_wchan"),
	row("link                  sleepq                cvmutex", ptrWide, ptr, "ul_link", "ul_sleepq", "ul_cvmutex"),
	row("mxchain               save_state", ptrWide, dec, "ul_mxchain", "ul_save_state"),
	{"rdlockcnt             rd_rwlock             rd_count", "ul_rdlockcnt", []cell{{"ul_rdlockcnt", dec21}, {"ul_readlock.single.rd_rwlock", ptrWide}, {"ul_readlock.single.rd_count", dec}}},
	{"heldlockcnt           heldlocks             tpdp", "ul_heldlockcnt", []cell{{"ul_heldlockcnt", dec21}, {"ul_heldlocks.single", ptrWide}, {"ul_tpdp", ptr}}},
	{"siglink               s'l'spin   s'l'spin2  s'l'sleep  s'l'wakeup", "ul_siglink", []cell{
		{"ul_siglink", ptrWide}, {"ul_spin_lock_spin", dec10}, {"ul_spin_lock_spin2", dec10}, {"ul_spin_lock_sleep", dec10}, {"ul_spin_lock_wakeup", dec}}},
	{"&queue_root           rtclassid  pilocks", "ul_queue_root", []cell{{"ul_queue_root", addrWide}, {"ul_rtclassid", dec10}, {"ul_pilocks", dec}}},
}

// ulwpRest is what a ulwp_t that stands for a thread that has gone has no more.
var ulwpRest = []structLine{
	row("sigmask[0..3]", hex8, hex8, "ul_sigmask.__sigbits[0]", "ul_sigmask.__sigbits[1]", "ul_sigmask.__sigbits[2]", "ul_sigmask.__sigbits[3]"),
	row("tmpmask[0..3]", hex8, hex8, "ul_tmpmask.__sigbits[0]", "ul_tmpmask.__sigbits[1]", "ul_tmpmask.__sigbits[2]", "ul_tmpmask.__sigbits[3]"),
	row("&siginfo              &spinlock             &fpuenv", addrWide, addr, "ul_siginfo", "ul_spinlock", "ul_fpuenv"),
	{"tmem.size             &tmem.roots", "ul_tmem", []cell{{"ul_tmem.tm_size", size21}, {"ul_tmem.tm_roots", addr}}},
}

// uberBuckets is how many buckets libc's allocator has (NBUCKETS).
const uberBuckets = 10

func uberLines() []structLine {
	l := []structLine{
		row("&link_lock            &ld_lock              &fork_lock", addrWide, addr, "_link_lock", "_ld_lock", "_fork_lock"),
		row("&atfork_lock          &callout_lock         &tdb_hash_lock", addrWide, addr, "_atfork_lock", "_callout_lock", "_tdb_hash_lock"),
		row("&tdb_hash_lock_stats  &siguaction[0]", addrWide, addr, "tdb_hash_lock_stats", "siguaction"),
	}
	head := "&bucket               free_list             chunks"
	for i := range uberBuckets {
		b := fmt.Sprintf("bucket[%d]", i)
		l = append(l, structLine{head, b, []cell{{b, addrWide}, {b + ".free_list", ptrWide}, {b + ".chunks", dec}}})
		head = ""
	}
	return append(l,
		structLine{"&atexit_root          head                  exit_frame_monitor", "atexit_root", []cell{{"atexit_root.exitfns_lock", addrWide}, {"atexit_root.head", ptrWide}, {"atexit_root.exit_frame_monitor", ptr}}},
		structLine{"&quickexit_root       head", "quickexit_root", []cell{{"quickexit_root.exitfns_lock", addrWide}, {"quickexit_root.head", ptr}}},
		structLine{"&tsd_metadata         tsdm_nkeys tsdm_nused tsdm_destro", "tsd_metadata", []cell{
			{"tsd_metadata.tsdm_lock", addrWide}, {"tsd_metadata.tsdm_nkeys", dec10}, {"tsd_metadata.tsdm_nused", dec10}, {"tsd_metadata.tsdm_destro", ptr}}},
		structLine{"&tls_metadata         tls_modinfo.data      tls_modinfo.size", "tls_metadata", []cell{
			{"tls_metadata.tls_lock", addrWide}, {"tls_metadata.tls_modinfo.tls_data", ptrWide}, {"tls_metadata.tls_modinfo.tls_size", dec}}},
		structLine{"                      static_tls.data       static_tls.size", "tls_metadata.static_tls", []cell{
			{"", ' '}, {"tls_metadata.static_tls.tls_data", ptrWide}, {"tls_metadata.static_tls.tls_size", dec}}},
		row("primary_ma bucket_ini uflags.mt  uflags.pad uflags.trs uflags.ted", dec10, dec, "primary_map", "bucket_init", "uberflags.uf_x.x_mt", "uberflags.uf_x.x_pad", "uberflags.uf_x.x_tdb_register_sync", "uberflags.uf_x.x_thread_error_detection"),
		structLine{"queue_head            thr_hash_table        hash_size  hash_mask", "queue_head", []cell{{"queue_head", ptrWide}, {"thr_hash_table", ptrWide}, {"hash_size", dec10}, {"hash_mask", hexMask}}},
		row("ulwp_one              all_lwps              all_zombies", ptrWide, ptr, "ulwp_one", "all_lwps", "all_zombies"),
		row("nthreads   nzombies   ndaemons   pid        sigacthandler", dec10, ptr, "nthreads", "nzombies", "ndaemons", "pid", "sigacthandler"),
		structLine{"lwp_stacks            lwp_laststack         nfreestack stk_cache", "lwp_stacks", []cell{{"lwp_stacks", ptrWide}, {"lwp_laststack", ptrWide}, {"nfreestack", dec10}, {"thread_stack_cache", dec}}},
		row("ulwp_freelist         ulwp_lastfree         ulwp_replace_free", ptrWide, ptr, "ulwp_freelist", "ulwp_lastfree", "ulwp_replace_free"),
		row("ulwp_replace_last     atforklist", ptrWide, ptr, "ulwp_replace_last", "atforklist"),
		row("robustlocks           robustlist            progname", ptrWide, ptr, "robustlocks", "robustlist", "progname"),
		structLine{"tdb_bootstrap         tdb_sync_addr_hash    tdb_'count tdb_'fail", "tdb_bootstrap", []cell{
			{"tdb_bootstrap", ptrWide}, {"tdb.tdb_sync_addr_hash", ptrWide}, {"tdb.tdb_register_count", dec10}, {"tdb.tdb_hash_alloc_failed", dec}}},
		structLine{"tdb_sync_addr_free    tdb_sync_addr_last    tdb_sync_alloc", "tdb.tdb_sync_addr_free", []cell{
			{"tdb.tdb_sync_addr_free", ptrWide}, {"tdb.tdb_sync_addr_last", ptrWide}, {"tdb.tdb_sync_alloc", dec}}},
		structLine{"tdb_ev_global_mask    tdb_events", "tdb.tdb_ev_global_mask", []cell{
			{"tdb.tdb_ev_global_mask.event_bits[0]", hex8}, {"tdb.tdb_ev_global_mask.event_bits[1]", hex8}, {"tdb.tdb_events", ptr}}},
	)
}

func runUlwp(c *core.Ctx) error {
	if len(c.Args) != 0 || !c.HasAddr {
		return core.ErrUsage
	}
	v, err := at(c.Session, "ulwp_t", c.Addr)
	if err != nil {
		return err
	}
	r := &reader{v: v}
	replaced := r.int("ul_replace")
	if r.err != nil {
		return c.Warn(r.err, "failed to read ulwp at 0x%p", c.Addr)
	}
	c.Printf("%#a\n", c.Addr)
	if err := show(c, v, ulwpLines); err != nil {
		return c.Warn(err, "failed to read ulwp at 0x%p", c.Addr)
	}
	if replaced != 0 {
		return nil
	}
	if err := show(c, v, ulwpRest); err != nil {
		return c.Warn(err, "failed to read ulwp at 0x%p", c.Addr)
	}
	return nil
}

func runUberdata(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	a := c.Addr
	if !c.HasAddr {
		var err error
		if a, err = uberdata(c.Session); err != nil {
			return err
		}
	}
	v, err := at(c.Session, "uberdata_t", a)
	if err != nil {
		return err
	}
	c.Printf("%#a\n", a)
	if err := show(c, v, uberLines()); err != nil {
		return c.Warn(err, "failed to read uberdata at 0x%p", a)
	}
	return nil
}
