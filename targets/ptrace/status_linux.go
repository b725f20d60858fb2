//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// status is what /proc/PID/status says (proc(5)).
type status struct {
	name   string
	state  byte
	tgid   int
	ppid   int
	tracer int
	uid    int
	kernel bool // has no memory: a thread of the kernel
}

func readStatus(pid int) (status, error) {
	return readStatusFile(fmt.Sprintf("/proc/%d/status", pid))
}

func readStatusFile(path string) (status, error) {
	f, err := os.Open(path)
	if err != nil {
		return status{}, err
	}
	defer f.Close()
	s := status{kernel: true}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		key, val, _ := strings.Cut(sc.Text(), ":")
		val = strings.TrimSpace(val)
		number := func() int {
			first, _, _ := strings.Cut(val, "\t")
			n, _ := strconv.Atoi(first)
			return n
		}
		switch key {
		case "Name":
			s.name = val
		case "State":
			if val != "" {
				s.state = val[0]
			}
		case "Tgid":
			s.tgid = number()
		case "PPid":
			s.ppid = number()
		case "TracerPid":
			s.tracer = number()
		case "Uid":
			if _, rest, ok := strings.Cut(val, "\t"); ok { // real, then effective
				val = rest
			}
			s.uid = number()
		case "VmSize":
			s.kernel = false
		}
	}
	if s.state == 'Z' || s.state == 'X' {
		s.kernel = false
	}
	return s, sc.Err()
}

// commOf is the name of a process.
func commOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(string(b), "\n")
}

// trapPending tells whether a SIGTRAP waits for a thread.
func trapPending(tid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), "SigPnd:\t")
	mask, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseUint(mask, 16, 64)
	return err == nil && v&(1<<(sigTRAP-1)) != 0
}

const sigTRAP = 5
