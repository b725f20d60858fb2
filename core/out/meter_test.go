package out

import (
	"sync"
	"testing"
)

func TestMeter(t *testing.T) {
	const workers, units = 8, 2000
	var told []int64 // the listener needs no lock of its own
	m := NewMeter(workers*units, func(done, total int64) {
		if total != workers*units {
			t.Errorf("total is %d", total)
		}
		told = append(told, done)
	})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range units {
				m.Add(1)
			}
		})
	}
	wg.Wait()
	if n := len(told); n < 100 || n > 201 {
		t.Errorf("told %d times", n)
	}
	for i := 1; i < len(told); i++ {
		if told[i] <= told[i-1] {
			t.Errorf("goes from %d to %d", told[i-1], told[i])
		}
	}
	if last := told[len(told)-1]; last >= workers*units {
		t.Errorf("all is done before the end: %d", last)
	}
	m.End()
	if told[len(told)-1] != workers*units {
		t.Errorf("the end is %d", told[len(told)-1])
	}
	silent := NewMeter(10, nil)
	silent.Add(20)
	silent.End()
}
