package vm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// on runs a device's dcmd for every machine that has the device, and for all at once:
// the heading, and then what lines gives.
func on(t *testing.T, s *modtest.Session, sys *illumos.System, cmd, dev, head string, lines func(m *illumos.BuiltVM, at uint64) string) {
	t.Helper()
	all := head
	for _, m := range sys.VMs {
		d, ok := m.Dev[dev]
		if !ok {
			if r := s.Run(fmt.Sprintf("%x%s", m.Addr, cmd)); r.Status == nil || !strings.Contains(r.Err, fmt.Sprintf("%x has no %s", m.Addr, dev)) {
				t.Errorf("%s of a machine without it: %q", cmd, r.Err)
			}
			continue
		}
		of := lines(m, d.Addr)
		all += of
		if of != "" {
			of = head + of
		}
		s.Run(fmt.Sprintf("%x%s", m.Addr, cmd)).OK().Want(of)
		s.Run(fmt.Sprintf("%x%s", d.Addr, cmd)).OK().Want(of)
	}
	s.Run(cmd).OK().Want(all)
	if r := s.Run("1000" + cmd); r.Status == nil || !strings.Contains(r.Err, "at 1000") {
		t.Errorf("1000%s: %q", cmd, r.Err)
	}
}

func TestIOAPIC(t *testing.T) {
	const head = "ADDR             VM                   PIN VEC DELIVERY DEST        TRIGGER POL  MASKED STATE\n"
	either := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		for _, all := range []bool{false, true} {
			cmd := either(all, "::vioapic -a", "::vioapic")
			on(t, s, sys, cmd, "vioapic", head, func(m *illumos.BuiltVM, at uint64) string {
				pins, entry := 32, sys.Offset("struct vioapic", "rtbl[0].reg")
				stride := sys.Offset("struct vioapic", "rtbl[1].reg") - entry
				if m.Kind == "kvm" {
					pins, entry, stride = 24, sys.Offset("struct kvm_ioapic", "redirtbl"), 8
				}
				text := ""
				for pin := range pins {
					r := illumos.Redirect{Pin: pin, Entry: 0x10000}
					if i := slices.IndexFunc(m.Devices.IOAPIC, func(r illumos.Redirect) bool { return r.Pin == pin }); i >= 0 {
						r = m.Devices.IOAPIC[i]
					}
					e := r.Entry
					if masked := e>>16&1 != 0; masked && !all {
						continue
					}
					state := either(r.Count > 0, "asserted", "-")
					if e>>14&1 != 0 {
						state = either(r.Count > 0, "asserted,rirr", "rirr")
					}
					text += fmt.Sprintf("%016x %-20s %3d %02x  %-8s %-11s %-7s %-4s %-6s %s\n", at+entry+uint64(pin)*stride, m.Name, pin, e&0xff,
						[]string{"fixed", "lowprio", "smi", "rsvd", "nmi", "init", "startup", "extint"}[e>>8&7],
						fmt.Sprintf("%s %x", either(e>>11&1 != 0, "logical", "physical"), e>>56), either(e>>15&1 != 0, "level", "edge"), either(e>>13&1 != 0, "low", "high"),
						either(e>>16&1 != 0, "yes", "no"), state)
				}
				return text
			})
		}
	})
}

func TestPICAndPIT(t *testing.T) {
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		place := func(m *illumos.BuiltVM, bhyve, kvm string) func(i int) uint64 {
			return func(i int) uint64 {
				typ, path := "struct vatpic", bhyve
				if strings.HasPrefix(bhyve, "channel") {
					typ = "struct vatpit"
				}
				if m.Kind == "kvm" {
					typ, path = map[string]string{"struct vatpic": "struct kvm_pic", "struct vatpit": "struct kvm_pit"}[typ], kvm
				}
				return sys.Offset(typ, fmt.Sprintf("%s[%d]", path, i))
			}
		}
		on(t, s, sys, "::vatpic", "vatpic", "ADDR             VM                   CHIP   BASE IRR ISR IMR\n", func(m *illumos.BuiltVM, at uint64) (text string) {
			off := place(m, "atpic", "pics")
			for i, p := range m.Devices.PIC {
				text += fmt.Sprintf("%016x %-20s %-6s %4x %02x  %02x  %02x\n", at+off(i), m.Name, []string{"master", "slave"}[i], p.Base, p.Request, p.Service, p.Mask)
			}
			return text
		})
		on(t, s, sys, "::vatpit", "vatpit", "ADDR             VM                   CHANNEL MODE INITIAL\n", func(m *illumos.BuiltVM, at uint64) (text string) {
			off := place(m, "channel", "pit_state.channels")
			for i, c := range m.Devices.PIT {
				text += fmt.Sprintf("%016x %-20s %7d %4d %7x\n", at+off(i), m.Name, i, c.Mode, c.Initial)
			}
			return text
		})
	})
}

func TestTimers(t *testing.T) {
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		const head = "ADDR             VM                   STATE      COUNT TIMER MODE     INTR        COMPARE   PERIOD PENDING\n"
		on(t, s, sys, "::vhpet", "vhpet", head, func(m *illumos.BuiltVM, at uint64) (text string) {
			h := m.Devices.HPET
			for i := range 8 {
				var d illumos.HPETTimer
				if i < len(h.Timers) {
					d = h.Timers[i]
				}
				mode, intr, pending, st := "one-shot", "off", "-", "stopped"
				if d.Config&8 != 0 {
					mode = "periodic"
				}
				if d.Config&4 != 0 {
					intr = fmt.Sprintf("ioapic %d", d.Config>>9&0x1f)
				}
				if h.ISR>>i&1 != 0 {
					pending = "yes"
				}
				if h.Config&1 != 0 {
					st = "running"
				}
				text += fmt.Sprintf("%016x %-20s %-7s %8x %5d %-8s %-10s %8x %8x %s\n", at+sys.Offset("struct vhpet", fmt.Sprintf("timer[%d]", i)), m.Name, st, h.Count, i,
					mode, intr, d.Value, d.Period, pending)
			}
			return text
		})
		on(t, s, sys, "::vrtc", "vrtc", "ADDR             VM                   TIME                 INDX   A   B   C   D\n", func(m *illumos.BuiltVM, at uint64) string {
			r := m.Devices.RTC
			when := map[int64]string{1598877599: "2020-08-31T12:39:59Z", 0: "1970-01-01T00:00:00Z"}[r.Time]
			return fmt.Sprintf("%016x %-20s %-20s %4x %02x  %02x  %02x  %02x\n", at, m.Name, when, r.Addr, r.A, r.B, r.C, r.D)
		})
		on(t, s, sys, "::vpmtmr", "vpmtmr", "ADDR             VM                       BASE\n", func(m *illumos.BuiltVM, at uint64) string {
			return fmt.Sprintf("%016x %-20s %8x\n", at, m.Name, m.Devices.PMTimer)
		})
	})
}

func lapicLine(m *illumos.BuiltVM, i int) string {
	c := m.VCPUs[i]
	a := c.APIC
	mode, timer := "xapic", "masked"
	if a.SVR&0x100 == 0 {
		mode = "off"
	}
	if a.LVTTimer&0x10000 == 0 {
		timer = fmt.Sprintf("%x %s", a.LVTTimer&0xff, []string{"one-shot", "periodic"}[a.LVTTimer>>17&1])
	}
	vectors := func(list []int) string {
		if len(list) == 0 {
			return "-"
		}
		list = slices.Clone(list)
		slices.Sort(list)
		slices.Reverse(list)
		var words []string
		for _, n := range list {
			words = append(words, fmt.Sprintf("%x", n))
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprintf("%016x %-20s %4d %8x %-8s %02x  %02x  %-14s %-12s %s\n", c.VLAPIC.Addr, m.Name, i, a.ID, mode, a.TPR, a.PPR, timer, vectors(a.ISR), vectors(a.IRR))
}

func TestLAPIC(t *testing.T) {
	const head = "ADDR             VM                   VCPU       ID MODE     TPR PPR TIMER          ISR          IRR\n"
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		all := head
		for _, m := range sys.VMs {
			of := ""
			for i, c := range m.VCPUs {
				of += lapicLine(m, i)
				for _, at := range []uint64{c.Addr, c.VLAPIC.Addr} {
					s.Run(fmt.Sprintf("%x::vlapic", at)).OK().Want(head + lapicLine(m, i))
				}
			}
			s.Run(fmt.Sprintf("%x::vlapic", m.Addr)).OK().Want(head + of)
			all += of
		}
		s.Run("::vlapic").OK().Want(all)
		s.Run("::vcpu | ::vlapic").OK().Want(all)
		c := sys.VMs[0].VCPUs[0]
		s.Run(fmt.Sprintf("%x::vlapic -v", c.Addr)).OK().
			Match(fmt.Sprintf(`^ +apic_base %x, registers at %x$`, c.APIC.Base, c.Page.Addr)).
			Match(fmt.Sprintf(`timer_icr %08x  timer_ccr %08x  timer_dcr %08x`, c.APIC.ICRTimer, c.APIC.CCRTimer, c.APIC.DCR)).
			Match(fmt.Sprintf(`svr +%08x `, c.APIC.SVR)).Match(fmt.Sprintf(`^ +tmr %x$`, c.APIC.TMR[0]))
	})
}

// TestDeviceWalkers: the walks give the models' structures, with their types.
func TestDeviceWalkers(t *testing.T) {
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		for _, dev := range []string{"vlapic", "vioapic", "vatpic", "vatpit", "vhpet", "vrtc", "vpmtmr"} {
			var all []string
			for _, m := range sys.VMs {
				var of []string
				if d, ok := m.Dev[dev]; ok {
					of = append(of, fmt.Sprintf("0x%x", d.Addr))
				}
				for _, c := range m.VCPUs {
					if dev == "vlapic" {
						of = append(of, fmt.Sprintf("0x%x", c.VLAPIC.Addr))
					}
				}
				if got := strings.Fields(s.Run(fmt.Sprintf("%x::walk %s", m.Addr, dev)).OK().Out); !slices.Equal(got, of) {
					t.Errorf("%x::walk %s: %v, want %v", m.Addr, dev, got, of)
				}
				all = append(all, of...)
			}
			s.Run("::walk " + dev).OK().WantLines(all...)
			s.Run("::walk " + dev + " | ::" + dev).OK().Want(s.Run("::" + dev).OK().Out)
		}
		s.Run("::walk vpmtmr | ::print baseval ! head -1").OK().Want(fmt.Sprintf("baseval = 0x%x\n", sys.VMs[0].Devices.PMTimer))
		s.Run(fmt.Sprintf("%x::walk vlapic | ::print vcpuid ! tail -1", sys.VMs[0].Addr)).OK().Match(`^vcpuid = 0x?3`)
	})
}
