package qemu

import (
	"encoding/json"
	"strconv"
	"strings"
)

// command is what a hypervisor's command line tells of its machine.
type command struct {
	name     string // -name, guest=
	machine  string // -machine, -M: the type
	ram      string // id of the machine's memory backend, "" for the default one
	size     uint64 // -m, bytes
	backends []cmdBackend
	numa     []string // ids of the backends of NUMA nodes, in order
	lowest   uint64   // max-ram-below-4g of the machine, 0 if not given
}

// cmdBackend is an -object memory-backend-*.
type cmdBackend struct {
	id, path string
	size     uint64
}

// defaultSize is what QEMU gives a machine without -m.
const defaultSize = 128 << 20

// parseCommand reads /proc/PID/cmdline: words that end in NUL.
func parseCommand(b []byte) command {
	c := command{size: defaultSize}
	words := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	if !strings.Contains(words[0], "qemu") && !strings.Contains(words[0], "kvm") {
		return command{}
	}
	for i := 1; i+1 < len(words); i++ {
		opt, val := words[i], words[i+1]
		if opt, ok := strings.CutPrefix(opt, "--"); ok {
			words[i] = "-" + opt
		}
		switch words[i] {
		case "-name":
			c.name = firstOf(val, "guest")
		case "-m":
			if n, ok := parseSize(firstOf(val, "size"), 20); ok {
				c.size = n
			}
		case "-M", "-machine":
			p := properties(val)
			if t := firstOf(val, "type"); t != "" {
				c.machine = t
			}
			if id := p["memory-backend"]; id != "" {
				c.ram = id
			}
			c.lowest, _ = parseSize(p["max-ram-below-4g"], 0)
		case "-object":
			c.object(val)
		case "-numa":
			if id := properties(val)["memdev"]; id != "" {
				c.numa = append(c.numa, id)
			}
		default:
			continue
		}
		i++
	}
	return c
}

// object takes a memory backend, in key=value form or libvirt's JSON, of which only
// flat members matter.
func (c *command) object(val string) {
	var p map[string]string
	kind := ""
	if strings.HasPrefix(val, "{") {
		p = flat(val)
		kind = p["qom-type"]
	} else {
		p = properties(val)
		kind, _, _ = strings.Cut(val, ",")
		kind = strings.TrimPrefix(kind, "qom-type=")
	}
	if !strings.HasPrefix(kind, "memory-backend-") {
		return
	}
	b := cmdBackend{id: p["id"], path: p["mem-path"]}
	b.size, _ = parseSize(p["size"], 0)
	c.backends = append(c.backends, b)
}

// properties reads key=value pairs between commas; ",," is a comma of a value.
func properties(val string) map[string]string {
	p := map[string]string{}
	for _, pair := range strings.Split(strings.ReplaceAll(val, ",,", "\x01"), ",") {
		k, v, _ := strings.Cut(pair, "=")
		p[k] = strings.ReplaceAll(v, "\x01", ",")
	}
	return p
}

// firstOf is the value of a key that may be left out where it comes first.
func firstOf(val, key string) string {
	if v, ok := properties(val)[key]; ok {
		return v
	}
	first, _, _ := strings.Cut(val, ",")
	if strings.Contains(first, "=") {
		return ""
	}
	return first
}

// parseSize reads a size with or without a letter, which multiplies by 1024 to the
// power of its place; -m counts MiB where there is none (shift 20), others bytes (0).
func parseSize(s string, shift int) (uint64, bool) {
	if s == "" {
		return 0, false
	}
	if i := strings.IndexByte("bkmgt", s[len(s)-1]|0x20); i >= 0 {
		shift, s = 10*i, s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > 1<<(62-shift) {
		return 0, false
	}
	return n << shift, true
}

// flat gives the members of a JSON object that are strings or numbers.
func flat(val string) map[string]string {
	var all map[string]any
	d := json.NewDecoder(strings.NewReader(val))
	d.UseNumber()
	if d.Decode(&all) != nil {
		return nil
	}
	p := map[string]string{}
	for k, v := range all {
		switch v := v.(type) {
		case string:
			p[k] = v
		case json.Number:
			p[k] = v.String()
		}
	}
	return p
}
