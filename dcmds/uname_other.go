//go:build !linux

package dcmds

import (
	"os"
	"runtime"
)

// uname describes the host, as far as the runtime knows it.
func uname() hostName {
	node, err := os.Hostname()
	if err != nil {
		node = ""
	}
	return hostName{system: runtime.GOOS, node: node, machine: runtime.GOARCH}
}
