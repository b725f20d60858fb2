package arm64

import (
	"fmt"
	"strings"
	"sync"
)

// sysOps are the operations of sys that have names, by op1, CRn, CRm and op2 as they
// lie in bits 5 to 18: caches, address translation, translation buffers, and the
// restrictions of speculation. Built on first use.
var sysOps = sync.OnceValue(func() map[uint32]string {
	m := make(map[uint32]string, 256)
	for _, line := range strings.Split(strings.TrimSpace(sysOpTable), "\n") {
		key, names, _ := strings.Cut(line, ":")
		var op1, n, cm uint32
		fmt.Sscan(key, &op1, &n, &cm)
		for op2, name := range strings.Fields(names) {
			if name != "-" {
				m[op1<<11|n<<7|cm<<3|uint32(op2)] = strings.Replace(name, ".", " ", 1)
			}
		}
	}
	return m
})

// sys is SYS: with its name, else by numbers. Those that concern all there is take
// no register.
func sys(w uint32) string {
	op := w >> 5 & 0x3FFF
	if name, ok := sysOps()[op]; ok {
		for _, all := range []string{"ic iall", "tlbi vmall", "tlbi all", "tlbi paall"} {
			if strings.HasPrefix(name, all) {
				return name
			}
		}
		return name + ", " + reg64(w)
	}
	s := fmt.Sprintf("sys #%d, C%d, C%d, #%d", op>>11, op>>7&15, op>>3&15, op&7)
	if w&31 != 31 {
		s += ", " + reg64(w)
	}
	return s
}

// sysl is SYSL, which gives a result.
func sysl(w uint32) string {
	op := w >> 5 & 0x3FFF
	return fmt.Sprintf("sysl %s, #%d, C%d, C%d, #%d", reg64(w), op>>11, op>>7&15, op>>3&15, op&7)
}

// sysOpTable has a line for each op1, CRn and CRm: the names by op2 (Arm ARM, C5.3
// to C5.5).
const sysOpTable = `
0 7 1: ic.ialluis
0 7 5: ic.iallu
0 7 6: - dc.ivac dc.isw dc.igvac dc.igsw dc.igdvac dc.igdsw
0 7 8: at.s1e1r at.s1e1w at.s1e0r at.s1e0w
0 7 9: at.s1e1rp at.s1e1wp
0 7 10: - - dc.csw - dc.cgsw - dc.cgdsw
0 7 14: - - dc.cisw - dc.cigsw - dc.cigdsw
0 8 1: tlbi.vmalle1os tlbi.vae1os tlbi.aside1os tlbi.vaae1os - tlbi.vale1os - tlbi.vaale1os
0 8 2: - tlbi.rvae1is - tlbi.rvaae1is - tlbi.rvale1is - tlbi.rvaale1is
0 8 3: tlbi.vmalle1is tlbi.vae1is tlbi.aside1is tlbi.vaae1is - tlbi.vale1is - tlbi.vaale1is
0 8 5: - tlbi.rvae1os - tlbi.rvaae1os - tlbi.rvale1os - tlbi.rvaale1os
0 8 6: - tlbi.rvae1 - tlbi.rvaae1 - tlbi.rvale1 - tlbi.rvaale1
0 8 7: tlbi.vmalle1 tlbi.vae1 tlbi.aside1 tlbi.vaae1 - tlbi.vale1 - tlbi.vaale1
3 7 3: - - - - cfp.rctx dvp.rctx - cpp.rctx
3 7 4: - dc.zva - dc.gva dc.gzva
3 7 5: - ic.ivau
3 7 10: - dc.cvac - dc.cgvac - dc.cgdvac
3 7 11: - dc.cvau
3 7 12: - dc.cvap - dc.cgvap - dc.cgdvap
3 7 13: - dc.cvadp - dc.cgvadp - dc.cgdvadp
3 7 14: - dc.civac - dc.cigvac - dc.cigdvac
4 7 8: at.s1e2r at.s1e2w - - at.s12e1r at.s12e1w at.s12e0r at.s12e0w
4 8 0: - tlbi.ipas2e1is tlbi.ripas2e1is - - tlbi.ipas2le1is tlbi.ripas2le1is
4 8 1: tlbi.alle2os tlbi.vae2os - - tlbi.alle1os tlbi.vale2os tlbi.vmalls12e1os
4 8 2: - tlbi.rvae2is - - - tlbi.rvale2is
4 8 3: tlbi.alle2is tlbi.vae2is - - tlbi.alle1is tlbi.vale2is tlbi.vmalls12e1is
4 8 4: tlbi.ipas2e1os tlbi.ipas2e1 tlbi.ripas2e1 tlbi.ripas2e1os tlbi.ipas2le1os tlbi.ipas2le1 tlbi.ripas2le1 tlbi.ripas2le1os
4 8 5: - tlbi.rvae2os - - - tlbi.rvale2os
4 8 6: - tlbi.rvae2 - - - tlbi.rvale2
4 8 7: tlbi.alle2 tlbi.vae2 - - tlbi.alle1 tlbi.vale2 tlbi.vmalls12e1
6 7 8: at.s1e3r at.s1e3w
6 7 14: - dc.cipapa - - - dc.cigdpapa
6 8 1: tlbi.alle3os tlbi.vae3os - - tlbi.paallos tlbi.vale3os
6 8 2: - tlbi.rvae3is - - - tlbi.rvale3is
6 8 3: tlbi.alle3is tlbi.vae3is - - - tlbi.vale3is
6 8 4: - - - tlbi.rpaos - - - tlbi.rpalos
6 8 5: - tlbi.rvae3os - - - tlbi.rvale3os
6 8 6: - tlbi.rvae3 - - - tlbi.rvale3
6 8 7: tlbi.alle3 tlbi.vae3 - - tlbi.paall tlbi.vale3
`
