package out

import "sync"

// Meter adds up work that several goroutines do and tells a listener how far it
// has come: at the first Add and then every two-hundredth of the whole, never
// backwards, and all of it by End alone, since that is what takes the line away on a terminal.
type Meter struct {
	total, done, told int64
	show              func(done, total int64)
	mu                sync.Mutex
}

// NewMeter returns a Meter of total units. A nil show makes one that tells nobody.
func NewMeter(total int64, show func(done, total int64)) *Meter {
	return &Meter{total: total, told: -1, show: show}
}

// Add says that n more units are done.
func (m *Meter) Add(n int64) {
	if m.show == nil {
		return
	}
	// The listener is called under the lock: of two goroutines the one that added
	// first also tells first.
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = min(m.done+n, m.total-1)
	if m.told < 0 || m.done-m.told > m.total/200 {
		m.told = m.done
		m.show(m.done, m.total)
	}
}

// End says that the work is over.
func (m *Meter) End() {
	if m.show != nil {
		m.show(m.total, m.total)
	}
}
