package dcmds

import "syscall"

// uname describes the host.
func uname() hostName {
	var raw syscall.Utsname
	if err := syscall.Uname(&raw); err != nil {
		return hostName{}
	}
	text := func(f [65]int8) string {
		b := make([]byte, 0, len(f))
		for _, c := range f {
			if c == 0 {
				break
			}
			b = append(b, byte(c))
		}
		return string(b)
	}
	return hostName{
		system: text(raw.Sysname), node: text(raw.Nodename), release: text(raw.Release),
		version: text(raw.Version), machine: text(raw.Machine),
	}
}
