package qemu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommand(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		line string
		want command
	}{
		{"/usr/bin/qemu-system-x86_64", command{size: defaultSize}},
		{"qemu-system-x86_64|-m|64", command{size: 64 << 20}},
		{"qemu-system-x86_64|--m|size=4194304k,slots=2|-machine|pc-q35-7.2,accel=kvm,memory-backend=pc.ram|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":4294967296}|-name|guest=web,debug-threads=on",
			command{size: 4 * gib, machine: "pc-q35-7.2", ram: "pc.ram", name: "web", backends: []cmdBackend{{id: "pc.ram", size: 4 * gib}}}},
		{"kvm|-M|type=pc,max-ram-below-4g=1G|-m|2G|-object|memory-backend-file,id=a,size=1G,mem-path=/dev/shm/a,,b,share=on|-object|memory-backend-memfd,id=b,size=1G|-numa|node,memdev=a|-numa|node,memdev=b|-name|two",
			command{size: 2 * gib, machine: "pc", lowest: gib, name: "two", numa: []string{"a", "b"}, backends: []cmdBackend{{"a", "/dev/shm/a,b", gib}, {"b", "", gib}}}},
		{"/bin/sh|-m|64", command{}},
		{"qemu-system-x86_64|-m|99999999999999999999|-m|-1|-m|0|-m", command{size: defaultSize}},
		{"", command{}},
	} {
		got := parseCommand([]byte(strings.ReplaceAll(tt.line, "|", "\x00") + "\x00"))
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(command{}, cmdBackend{})); d != "" {
			t.Errorf("%s: %s", tt.line, d)
		}
	}
}

// TestSplitLow has the hole below 4 GiB of each machine type; QEMU's own layout of the
// same sizes was looked at with `info mtree -f`.
func TestSplitLow(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		machine   string
		size      uint64
		low, high uint64
	}{
		{"pc-i440fx-7.2", 64 << 20, 64 << 20, 0},
		{"pc-i440fx-7.2", 3 * gib, 3 * gib, 0},
		{"pc", 0xe0000000 - 4096, 0xe0000000 - 4096, 0},
		{"pc", 4 * gib, 3 * gib, gib},
		{"q35", 2 * gib, 2 * gib, 0},
		{"q35", 3 * gib, 2 * gib, gib},
		{"pc-q35-7.2", 64 * gib, 2 * gib, 62 * gib},
		{"microvm", 4 * gib, 3 * gib, gib},
	} {
		got := splitLow(tt.size, command{machine: tt.machine})
		if got[0].Size != tt.low || (tt.high == 0) != (len(got) == 1) || tt.high != 0 && (got[1].Size != tt.high || got[1].Base != 4*gib || got[1].Off != tt.low) {
			t.Errorf("%s, %d: %+v", tt.machine, tt.size, got)
		}
	}
}

func TestMappings(t *testing.T) {
	maps := parseMaps("7f0000000000-7f0004000000 rw-p 00000000 00:00 0 \n" +
		"7f0010000000-7f0014000000 rw-s 00000000 00:1b 42                         /dev/shm/ram (deleted)\n" +
		"7f0020000000-7f0020001000 r--p 00000000 08:01 7 /lib/x y.so\nnonsense\n7f-7e rw-p 0 0:0 0\n")
	if len(maps) != 3 || maps[2].path != "/lib/x y.so" || !maps[1].shared {
		t.Fatalf("%+v", maps)
	}
	if _, err := ramMappings(maps, command{size: 64 << 20}); err == nil || !strings.Contains(err.Error(), "2 mappings of 64 MiB") {
		t.Errorf("two of a size: %v", err)
	}
	if _, err := ramMappings(maps, command{size: 32 << 20}); err == nil {
		t.Error("none of the size")
	}
	parts, err := ramMappings(maps, command{size: 64 << 20, ram: "a", backends: []cmdBackend{{"a", "/dev/shm/ram (deleted)", 64 << 20}}})
	if err != nil || len(parts) != 1 || parts[0].addr != 0x7f0010000000 {
		t.Errorf("by path: %+v, %v", parts, err)
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("qemu\x00-object\x00memory-backend-file,id=a,size=1G\x00-m\x001G", "7f00-7fff rw-p 0 0:0 0\n", "0000000000000500: 0x01 0x02\n")
	f.Add("kvm\x00-M\x00q35\x00-object\x00{\"qom-type\":{}}", "", "Cannot access memory")
	f.Fuzz(func(t *testing.T, cmdline, maps, xp string) {
		c := parseCommand([]byte(cmdline))
		for _, b := range splitLow(c.size, c) {
			if b.Size > c.size || b.Off+b.Size > c.size {
				t.Errorf("%+v of %d", b, c.size)
			}
		}
		_, _ = ramMappings(parseMaps(maps), c)
		if b, _ := parseXP(xp, 0x500, 8); len(b) > 8*len(xp) {
			t.Errorf("%d bytes of %q", len(b), xp)
		}
		parseHVA(maps)
	})
}
