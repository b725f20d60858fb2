package genunix

import (
	"strings"
	"testing"
)

// The heap that MDB drew on a real kernel: the drawing is its own, to the blank.
func TestDrawCyclics(t *testing.T) {
	p := &cycCPU{N: 12, heap: []uint32{6, 1, 9, 8, 0, 11, 4, 7, 3, 2, 10, 5}}
	want := `
                                       6                                      
                                       |                                      
                    +------------------+------------------+                   
                    1                                     9                   
                    |                                     |                   
          +---------+--------+                  +---------+---------+         
          8                  0                  11                  4         
          |                  |                  |                   |         
     +----+----+        +----+----+        +----+----+         +----+---+     
     7         3        2        10        5                                  
     |         |        |         |        |                                  
   +-+-+    +--+-+    +-+-+    +--+-+    +-+-+                                
`
	if got := "\n" + strings.Join(drawCyclics(p), "\n") + "\n"; got != want {
		t.Errorf("got%swant%s", got, want)
	}
}
